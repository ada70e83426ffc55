/* The arrays of a stream: step codes first, then factors and bands of them (wcz.md, section 5.3). */
#include "coders.h"
#include "record.h"

enum { LEAST_STEP = -1680, LARGEST_STEP = 1855 };

unsigned wcz_coded_dtype(const wcz_factor *factor) {
    return factor->form == WCZ_VERBATIM ? factor->dtype : (unsigned)WCZ_INT32;
}

void wcz_band_of(const wcz_factor *factor, unsigned band, wcz_array *array) {
    unsigned order[WCZ_MAX_RANK];
    wcz_scan_order(factor->scan, factor->rank, order);
    array->dtype = (uint8_t)wcz_coded_dtype(factor);
    array->rank = (uint8_t)factor->rank;
    for (unsigned i = 0; i < factor->rank; i++) {
        array->shape[i] = factor->shape[order[i]];
    }
    if (factor->bands > 1) {        /* then there are rows */
        uint64_t rows = array->shape[0];
        array->shape[0] = (uint32_t)((band + 1) * rows / factor->bands - band * rows / factor->bands);
    }
    array->count = (uint32_t)wcz_count_of(array->shape, array->rank);
}

/* -- symbols ---------------------------------------------------------------------------------------------------------- */

/* Whether int32 values are symbols, and where they are integers themselves, whether their dtype has them. */
static int check_symbols(const wcz_factor *factor, const int32_t *values, uint32_t count) {
    const unsigned dtype = factor->form == WCZ_INTEGERS ? factor->dtype : (unsigned)WCZ_INT32;
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] == INT32_MIN || !wcz_fits(values[i], dtype)) {
            return WCZ_SYMBOL_RANGE;
        }
    }
    return 0;
}

/* Verbatim integers by a coder of symbols. */
static int read_narrow(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *to) {
    void *block;
    int error = wcz_allocate(memory, array->count, sizeof(int32_t), &block);
    if (error) {
        return error;
    }
    error = stream->coder->read(memory, stream, array, block);
    for (uint32_t i = 0; !error && i < array->count; i++) {
        int32_t value = ((const int32_t *)block)[i];
        error = wcz_fits(value, array->dtype) ? 0 : WCZ_SYMBOL_RANGE;
        wcz_store_integer(to, array->dtype, i, value);
    }
    wcz_release(memory, &block);
    return error;
}

static int read_array(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *to) {
    int error;
    if (stream->coder->symbols && array->dtype != WCZ_INT32) {
        error = read_narrow(memory, stream, array, to);
    } else {
        error = stream->coder->read(memory, stream, array, to);
    }
    stream->run_elements -= stream->run_elements ? array->count : 0;
    stream->done++;
    return error;
}

/* -- steps ------------------------------------------------------------------------------------------------------------- */

/* Differences to codes to steps, in place. A sum outside of the range ends it: none overflows. */
static int read_steps(const wcz_memory *memory, wcz_stream *stream) {
    wcz_array array = {WCZ_INT32, 1, {0}, 0};
    void *block;
    int64_t code = 0;
    int error = wcz_allocate(memory, stream->step_count, sizeof(float), &block);
    array.count = array.shape[0] = stream->step_count;
    stream->steps = (float *)block;
    if (error || (error = read_array(memory, stream, &array, block))) {
        return error;
    }
    for (uint32_t i = 0; i < stream->step_count; i++) {
        float step;
        code += ((const int32_t *)block)[i];
        if (code < LEAST_STEP || code > LARGEST_STEP) {
            return WCZ_STEP_CODE;
        }
        step = wcz_step((int32_t)code);
        wcz_copy((uint8_t *)block + i * sizeof step, &step, sizeof step);
    }
    return 0;
}

int wcz_stream_start(const wcz_memory *memory, wcz_stream *stream) {
    int error = stream->coder->start(memory, stream);
    return !error && stream->stepped ? read_steps(memory, stream) : error;
}

/* -- one band --------------------------------------------------------------------------------------------------------- */

static int read_band(const wcz_memory *memory, wcz_stream *stream, wcz_factor *factor, unsigned band, void *to) {
    wcz_array array;
    int error;
    wcz_band_of(factor, band, &array);
    if (factor->form == WCZ_QUANTIZED && band == 0) {
        factor->steps = stream->steps + stream->steps_given;
        stream->steps_given += factor->step_count;
    }
    if ((error = read_array(memory, stream, &array, to))) {
        return error;
    }
    if (factor->form != WCZ_VERBATIM) {
        return check_symbols(factor, (const int32_t *)to, array.count);
    }
    for (uint32_t i = 0; factor->dtype == WCZ_BOOL && i < array.count; i++) {
        error = ((const uint8_t *)to)[i] > 1 ? WCZ_SYMBOL_RANGE : error;
    }
    return error;
}

int wcz_stream_read(const wcz_memory *memory, wcz_stream *stream, wcz_factor *factor, unsigned band, void *to) {
    int error = read_band(memory, stream, factor, band, to);
    if (!error && stream->done == stream->arrays) {
        error = stream->coder->finish(stream);
        wcz_release(memory, &stream->state);
    }
    return error;
}

void wcz_stream_reset(const wcz_memory *memory, wcz_stream *stream) {
    void *steps = stream->steps;
    wcz_release(memory, &stream->state);
    wcz_release(memory, &stream->run);
    wcz_release(memory, &steps);
    stream->steps = NULL;
    stream->next = 0;
    stream->run_elements = stream->run_end = 0;
    stream->steps_given = stream->done = 0;
}
