/* mixing (coders.md): what it has learned, and up to 14 bytes a column while an array is read. */
#include "coders.h"

static int start(const wcz_memory *memory, wcz_stream *stream) {
    if (stream->elements > wcz_mixing_most_symbols(stream->size)) {
        return WCZ_PAYLOAD;
    }
    int error = wcz_allocate(memory, 1, sizeof(wcz_mixing_decoder), &stream->state);
    if (!error) {
        wcz_mixing_decode_start((wcz_mixing_decoder *)stream->state, stream->payload, stream->size);
    }
    return error;
}

static int read(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    wcz_view view;
    void *scratch;
    wcz_view_of(array, &view);
    size_t nbytes = array->count ? wcz_mixing_scratch(&view) : 0;
    if (array->count == 0) {
        return 0;
    }
    int error = nbytes ? wcz_allocate(memory, nbytes, 1, &scratch) : WCZ_ERROR_MEMORY;
    if (error) {
        return error;
    }
    error = wcz_status_error(wcz_mixing_decode_array((wcz_mixing_decoder *)stream->state, &view, scratch, nbytes,
                                                     (int32_t *)values, array->count));
    wcz_release(memory, &scratch);
    return error;
}

static int finish(const wcz_stream *stream) {
    return wcz_status_error(wcz_mixing_decode_end((const wcz_mixing_decoder *)stream->state));
}

const wcz_coder wcz_coder_mixing = {6, 1, 0, start, read, finish};
