/* float_planes (coders.md): neighbouring arrays of one dtype are one run, decoded when its first array is asked for. */
#include "coders.h"

static int start(const wcz_memory *memory, wcz_stream *stream) {
    (void)memory, (void)stream;
    return 0;
}

static wcz_fold fold_of(unsigned dtype) {
    if (wcz_dtype_nbytes(dtype) == 1) {
        return WCZ_FOLD_NONE;
    }
    if (wcz_dtype_is_float(dtype)) {
        return WCZ_FOLD_ROTATE;
    }
    return dtype <= WCZ_INT64 ? WCZ_FOLD_ZIGZAG : WCZ_FOLD_NONE;
}

static int decode(const wcz_memory *memory, wcz_stream *stream, unsigned dtype, size_t count, void *values) {
    wcz_elements elements;
    void *slots = NULL, *planes = NULL;
    size_t consumed = 0;
    elements.data = values;
    elements.count = count;
    elements.width = wcz_dtype_nbytes(dtype);
    elements.fold = fold_of(dtype);
    int error = wcz_allocate(memory, WCZ_PLANE_SLOTS, sizeof(uint32_t), &slots);
    if (!error && !(error = wcz_allocate(memory, wcz_plane_room(&elements), 1, &planes))) {
        error = wcz_status_error(wcz_plane_decode(wcz_plane_portable, stream->payload + stream->next,
                                                  stream->size - stream->next, (uint32_t *)slots, (uint8_t *)planes,
                                                  &elements, &consumed));
    }
    stream->next += consumed;
    for (size_t i = 0; !error && dtype == WCZ_BOOL && i < count; i++) {
        error = ((const uint8_t *)values)[i] > 1 ? WCZ_PAYLOAD : 0;
    }
    wcz_release(memory, &slots);
    wcz_release(memory, &planes);
    return error;
}

/* stream->run_elements: what is left of the run, this array included. A run of one array needs no room of its own. */
static int read(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values) {
    const unsigned nbytes = wcz_dtype_nbytes(array->dtype);
    int error;
    if (!stream->run) {
        if (stream->run_elements == array->count) {
            return decode(memory, stream, array->dtype, array->count, values);
        }
        if ((error = wcz_allocate(memory, stream->run_elements, nbytes, &stream->run)) ||
            (error = decode(memory, stream, array->dtype, (size_t)stream->run_elements, stream->run))) {
            return error;
        }
        stream->run_end = stream->run_elements;
    }
    wcz_copy(values, (const uint8_t *)stream->run + (size_t)(stream->run_end - stream->run_elements) * nbytes,
             (size_t)array->count * nbytes);
    if (stream->run_elements == array->count) {
        wcz_release(memory, &stream->run);
    }
    return 0;
}

static int finish(const wcz_stream *stream) {
    return stream->next == stream->size ? 0 : WCZ_PAYLOAD;
}

const wcz_coder wcz_coder_float_planes = {3, 0, 1, start, read, finish};
