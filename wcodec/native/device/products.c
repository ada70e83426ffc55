/* How tensors are computed from factors: values, sums of products, and constants that no library gives. */
#include "kinds.h"

/* -- values ----------------------------------------------------------------------------------------------------------- */

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

double wcz_at(const wcz_values *values, size_t index) {
    return values->wide ? ((const double *)values->data)[index] : (double)((const float *)values->data)[index];
}

double wcz_dot(const wcz_values *a, size_t a_start, size_t a_stride, const wcz_values *b, size_t b_start,
               size_t b_stride, size_t count) {
    if (a->wide || b->wide) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += wcz_at(a, a_start + i * a_stride) * wcz_at(b, b_start + i * b_stride);
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

/* -- element by element ----------------------------------------------------------------------------------------------- */

double wcz_value(const wcz_product_state *p, unsigned factor, uint32_t index) {
    return wcz_at(&p->values[factor], index);
}

int wcz_build_elements(const wcz_job *job, uint32_t columns, uint32_t room, uint64_t terms, const void *own) {
    const unsigned count = job->record->factor_count;
    const uint32_t elements = wcz_count_of(job->record->shape, job->record->rank);
    wcz_product_state p = {job, job->factors, own, NULL, NULL, 0};
    void *values = NULL, *numbers = NULL;
    int error = wcz_product(elements, terms) > job->most_terms
                    ? WCZ_ERROR_PRODUCT
                    : wcz_allocate(job->memory, count, sizeof(wcz_values), &values);
    p.values = (wcz_values *)values;
    for (unsigned i = 0; !error && i < count; i++) {
        error = wcz_widen(job->memory, &job->factors[i], &p.values[i]);
    }
    if (!error) {
        error = wcz_allocate(job->memory, room, sizeof(double), &numbers);
    }
    p.room = (double *)numbers;
    for (uint32_t i = 0, place = 0; !error && place < elements; i++) {
        for (uint32_t j = 0; j < columns; j++, place++) {
            wcz_store(job->out, job->dtype, place, job->kind->element(&p, i, j));
        }
    }
    for (unsigned i = 0; p.values && i < count; i++) {
        wcz_release(job->memory, &p.values[i].data);
    }
    wcz_release(job->memory, &values);
    wcz_release(job->memory, &numbers);
    return error;
}

/* -- sines and roots ---------------------------------------------------------------------------------------------------- */

/* sin(pi x / 2) for 0 <= x <= 1, to 2^-52: Taylor's series up to the 21st power. */
static double sine(double x) {
    double angle = x * 1.57079632679489661923, square = angle * angle, term = angle, sum = angle;
    for (int n = 3; n <= 21; n += 2) {
        term *= -square / (n * (n - 1));
        sum += term;
    }
    return sum;
}

/* sin(2 pi k / n), k < n: by quadrant, so that every angle is exact. */
double wcz_sine_of_turn(uint32_t k, uint32_t n) {
    uint32_t quadrant = 4 * k / n, rest = 4 * k % n;
    double x = (double)rest / n;
    double value = sine(quadrant % 2 ? 1 - x : x);
    return quadrant >= 2 ? -value : value;
}

/* Newton's method from above; 0 < k / n <= 2. */
double wcz_square_root(uint32_t k, uint32_t n) {
    const double x = (double)k / n;
    double root = 2;
    for (int i = 0; i < 16; i++) {
        root = (root + x / root) / 2;
    }
    return root;
}

/* All rounded to float32. */
void wcz_fill_cosines(double *room, uint32_t p) {
    double roots[2];        /* of 1 / p, of 2 / p */
    for (uint32_t k = 0; k < 2; k++) {
        roots[k] = wcz_square_root(1 + k, p);
    }
    for (uint32_t q = 0; q < 4 * p; q++) {
        room[q] = (double)(float)(roots[1] * wcz_sine_of_turn((q + p) % (4 * p), 4 * p));
    }
    room[4 * p] = (double)(float)roots[0];
}

double wcz_cosine(const double *room, uint32_t p, uint32_t f, uint32_t k) {
    return room[f ? f * (2 * k + 1) % (4 * p) : 4 * p];
}

/* -- generated matrices: SplitMix64, and the ones of its words --------------------------------------------------------- */

int32_t wcz_generated(uint32_t seed, uint64_t place) {
    uint64_t z = seed + (place + 1) * 0x9E3779B97F4A7C15u;
    int32_t ones = 0;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    for (z ^= z >> 31; z; z &= z - 1) {
        ones++;
    }
    return ones - 32;
}
