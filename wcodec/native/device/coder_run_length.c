/* elias_gamma and rice (coders.md): each array is a bit stream of its own. They need no memory. */
#include "coders.h"

static int start(const wcz_memory *memory, wcz_stream *stream) {
    (void)memory, (void)stream;
    return 0;
}

static int decode(wcz_stream *stream, const wcz_run_length_format *format, const wcz_array *array, void *values) {
    size_t consumed = 0;
    wcz_status status = array->count ? wcz_run_length_decode(stream->payload + stream->next, stream->size - stream->next,
                                                      format, (int32_t *)values, array->count, &consumed)
                              : WCZ_OK;
    stream->next += status == WCZ_OK ? consumed : 0;
    return wcz_status_error(status);
}

static int read_elias_gamma(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    const wcz_run_length_format format = {-1, -1, 0};
    (void)memory;
    return decode(stream, &format, array, values);
}

/* A byte of parameters goes before each array that has elements. */
static int read_rice(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    wcz_run_length_format format = {-1, -1, 0};
    (void)memory;
    if (array->count) {
        if (stream->next == stream->size) {
            return WCZ_PAYLOAD;
        }
        uint8_t parameters = stream->payload[stream->next++];
        format.run_code = (parameters & 7) - 1;
        format.magnitude_code = (parameters >> 3 & 15) - 1;
        format.non_zero_runs = parameters >> 7;
    }
    return decode(stream, &format, array, values);
}

static int finish(const wcz_stream *stream) {
    return stream->next == stream->size ? 0 : WCZ_PAYLOAD;
}

const wcz_coder wcz_coder_elias_gamma = {1, 1, 0, start, read_elias_gamma, finish};
const wcz_coder wcz_coder_rice = {4, 1, 0, start, read_rice, finish};
