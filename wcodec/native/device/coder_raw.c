/* raw (coders.md): elements in little-endian, nothing between the arrays. */
#include "coders.h"

static int start(const wcz_memory *memory, wcz_stream *stream) {
    (void)memory, (void)stream;
    return 0;
}

/* Elements are built from their bytes, so that machines of either byte order give the same. */
static int read(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    const unsigned nbytes = wcz_dtype_nbytes(array->dtype);
    const uint8_t *at = stream->payload + stream->next;
    (void)memory;
    if ((stream->size - stream->next) / nbytes < array->count) {
        return WCZ_PAYLOAD;
    }
    stream->next += (size_t)array->count * nbytes;
    for (uint32_t i = 0; i < array->count; i++, at += nbytes) {
        uint64_t value = 0;
        for (unsigned j = nbytes; j-- > 0;) {
            value = value << 8 | at[j];
        }
        wcz_store_integer(values, array->dtype, i, (int64_t)value);
    }
    return 0;
}

static int finish(const wcz_stream *stream) {
    return stream->next == stream->size ? 0 : WCZ_PAYLOAD;
}

const wcz_coder wcz_coder_raw = {0, 0, 0, start, read, finish};
