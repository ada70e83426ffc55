/* context (coders.md): 4 KB of contexts, and two bytes a column while an array is read. */
#include "coders.h"

static int start(const wcz_memory *memory, wcz_stream *stream) {
    int error = wcz_allocate(memory, 1, sizeof(wcz_context_decoder), &stream->state);
    if (!error) {
        wcz_context_decode_start((wcz_context_decoder *)stream->state, stream->payload, stream->size);
    }
    return error;
}

static int read(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    wcz_view view;
    void *columns;
    wcz_view_of(array, &view);
    size_t count = wcz_context_columns(&view);
    int error = array->count ? wcz_allocate(memory, count, sizeof(uint16_t), &columns) : 0;
    if (error || array->count == 0) {
        return error;
    }
    error = wcz_status_error(wcz_context_decode_array((wcz_context_decoder *)stream->state, &view, (uint16_t *)columns,
                                                      count, (int32_t *)values, array->count));
    wcz_release(memory, &columns);
    return error;
}

static int finish(const wcz_stream *stream) {
    return wcz_status_error(wcz_context_decode_end((const wcz_context_decoder *)stream->state));
}

const wcz_coder wcz_coder_context = {2, 1, 0, start, read, finish};
