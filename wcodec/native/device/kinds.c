/* What the kinds of factorization share: the list of them, and values of factors. */
#include "device.h"

const wcz_kind *wcz_find_kind(uint64_t number) {
#define ENTRY(name) &wcz_kind_##name,
    static const wcz_kind *const KINDS[] = {WCZ_ALL_KINDS(ENTRY) NULL};
#undef ENTRY
    const wcz_kind *const *kind = KINDS;
    while (*kind && (*kind)->number != number) {
        kind++;
    }
    return *kind;
}

/* -- values of factors ----------------------------------------------------------------------------------------------- */

/* Places in `data` and `steps` of an element, by its place in row-major order. */
static size_t place_of(const wcz_factor *factor, uint32_t index, size_t *step) {
    size_t place = *step = 0;
    for (unsigned i = factor->rank; i-- > 0;) {
        uint32_t at = index % factor->shape[i];
        index /= factor->shape[i];
        place += (size_t)at * factor->strides[i];
        *step += (size_t)at * factor->step_strides[i];
    }
    return place;
}

double wcz_factor_value(const wcz_factor *factor, uint32_t index) {
    size_t step, place = place_of(factor, index, &step);
    if (factor->form == WCZ_QUANTIZED) {
        float symbol = (float)wcz_load_integer(factor->data, factor->stored, place);
        return (double)(float)(symbol * factor->steps[step]);
    }
    return wcz_load(factor->data, factor->stored, place);
}

int64_t wcz_factor_integer(const wcz_factor *factor, uint32_t index) {
    size_t step, place = place_of(factor, index, &step);
    return wcz_load_integer(factor->data, factor->stored, place);
}

int wcz_widen(const wcz_memory *memory, const wcz_factor *factor, wcz_values *values) {
    values->wide = factor->dtype == WCZ_FLOAT64;
    int error = wcz_allocate(memory, factor->count, values->wide ? sizeof(double) : sizeof(float), &values->data);
    for (uint32_t i = 0; !error && i < factor->count; i++) {
        wcz_store(values->data, values->wide ? WCZ_FLOAT64 : WCZ_FLOAT32, i, wcz_factor_value(factor, i));
    }
    return error;
}

double wcz_dot(const wcz_values *a, size_t a_start, size_t a_stride, const wcz_values *b, size_t b_start,
               size_t b_stride, size_t count) {
    if (a->wide || b->wide) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += wcz_load(a->data, a->wide ? WCZ_FLOAT64 : WCZ_FLOAT32, a_start + i * a_stride) *
                   wcz_load(b->data, b->wide ? WCZ_FLOAT64 : WCZ_FLOAT32, b_start + i * b_stride);
        }
        return sum;
    }
    const float *x = (const float *)a->data + a_start, *y = (const float *)b->data + b_start;
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += x[i * a_stride] * y[i * b_stride];
    }
    return (double)sum;
}
