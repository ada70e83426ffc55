/* rans (coders.md): models of the control string, and tables while an array is read. */
#include "coders.h"
#include "wcz_rans.h"

/* Without elements there is no payload, and nothing to open. */
static int start(const wcz_memory *memory, wcz_stream *stream) {
    if (stream->elements == 0) {
        return stream->size ? WCZ_PAYLOAD : 0;
    }
    int error = wcz_allocate(memory, 1, sizeof(wcz_rans_decoder), &stream->state);
    if (!error) {
        error = wcz_status_error(wcz_rans_open((wcz_rans_decoder *)stream->state, &wcz_rans_portable, stream->payload,
                                               stream->size));
    }
    return error;
}

static int read(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    wcz_view view;
    wcz_rans_shape shape;
    wcz_rans_sink sink;
    void *scratch;
    wcz_view_of(array, &view);
    shape.rows = (size_t)view.rows;
    shape.channels = (size_t)view.channels;
    shape.kernel = (size_t)(view.kernel_rows * view.kernel_columns);
    shape.line = (size_t)view.kernel_columns;
    sink.type = WCZ_RANS_INT32;
    sink.data = values;
    sink.steps = NULL;
    sink.step_count = 0;
    if (array->count == 0) {
        return 0;
    }
    size_t nbytes = wcz_rans_scratch(&shape);
    int error = nbytes ? wcz_allocate(memory, nbytes, 1, &scratch) : WCZ_ERROR_MEMORY;
    if (error) {
        return error;
    }
    error = wcz_status_error(wcz_rans_read((wcz_rans_decoder *)stream->state, &shape, &sink, scratch, nbytes));
    wcz_release(memory, &scratch);
    return error;
}

static int finish(const wcz_stream *stream) {
    return stream->state ? wcz_status_error(wcz_rans_close((const wcz_rans_decoder *)stream->state)) : 0;
}

const wcz_coder wcz_coder_rans = {5, 1, 0, start, read, finish};
