/* rdft (factorizations.md): the latent of a kernel in the basis of a real discrete Fourier transform. */
#include "kinds.h"

#define MAX_EXTENT 1024

/* The kernel axes as a bit mask; they ascend. */
static int kernel_axes(const wcz_record *record, uint32_t *mask) {
    wcz_list axes;
    int error = record->param_count > 1 ? WCZ_FACTORIZATION : wcz_list_param(record, 0, 1, &axes);
    *mask = 0;
    if (error) {
        return error;
    }
    for (unsigned i = 0; i < axes.count; i++) {
        if (axes.values[i] >= record->rank || *mask >> axes.values[i]) {
            return WCZ_FACTORIZATION;
        }
        *mask |= 1u << axes.values[i];
    }
    if (axes.count == 0 && record->rank > 2) {
        axes.count = record->rank - 2u;      /* all but the last two */
        *mask = (1u << axes.count) - 1;
    }
    return axes.count >= 1 && axes.count <= 3 ? 0 : WCZ_FACTORIZATION;
}

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    uint32_t mask;
    int error = kernel_axes(record, &mask);
    (void)kind;
    for (unsigned axis = 0; !error && axis < record->rank; axis++) {
        if ((mask >> axis & 1) && (record->shape[axis] < 1 || record->shape[axis] > MAX_EXTENT)) {
            error = WCZ_FACTORIZATION;
        }
    }
    if (error || record->factor_count != 1) {
        return error ? error : WCZ_RECORD;
    }
    wcz_set_shape(factors, "latent", record->rank, record->shape);
    factors->step_axes = mask;
    return 0;
}

/* -- the matrix ------------------------------------------------------------------------------------------------------- */

/* Entry (row, k) of the matrix of an axis of n, from wcz_fill_cosines; a sine is the cosine three quarters on. */
static float entry_of(const double *cosines, uint32_t n, uint32_t row, uint32_t k) {
    const uint32_t place = 4 * ((row + 1) / 2 * k % n) + (row % 2 ? 0 : 3 * n);
    if (row == 0 || (n % 2 == 0 && row == n - 1)) {
        return (float)(row && k % 2 ? -cosines[4 * n] : cosines[4 * n]);
    }
    return (float)cosines[place % (4 * n)];
}

/* -- the product ------------------------------------------------------------------------------------------------------ */

/* One line, `stride` elements apart, in place: line = M^T line. Room is for cosines, a line and a column. */
static void transform(wcz_values *values, size_t start, size_t stride, uint32_t n, double *room) {
    const unsigned dtype = values->wide ? WCZ_FLOAT64 : WCZ_FLOAT32;
    wcz_values line = {room + 4 * n + 1, values->wide}, column = {room + 5 * n + 1, 0};
    for (uint32_t i = 0; i < n; i++) {
        wcz_store(line.data, dtype, i, wcz_at(values, start + i * stride));
    }
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t i = 0; i < n; i++) {
            ((float *)column.data)[i] = entry_of(room, n, i, k);
        }
        wcz_store(values->data, dtype, start + k * stride, wcz_dot(&line, 0, 1, &column, 0, 1, n));
    }
}

static void transform_axis(const wcz_record *record, unsigned axis, wcz_values *values, uint32_t count, double *room) {
    const uint32_t n = record->shape[axis];
    const size_t stride = wcz_count_of(record->shape + axis + 1, record->rank - axis - 1u);
    wcz_fill_cosines(room, n);
    for (size_t start = 0; start < count; start += n * stride) {
        for (size_t i = 0; i < stride; i++) {
            transform(values, start + i, stride, n, room);
        }
    }
}

static int build(const wcz_job *job) {
    wcz_values values;
    void *room = NULL;
    uint32_t mask, count = job->factors->count;
    int error = wcz_widen(job->memory, job->factors, &values);
    (void)kernel_axes(job->record, &mask);
    for (unsigned axis = 0; !error && count && axis < job->record->rank; axis++) {
        if ((mask >> axis & 1) && !(error = wcz_allocate(job->memory, 6 * (size_t)job->record->shape[axis] + 1,
                                                         sizeof(double), &room))) {
            transform_axis(job->record, axis, &values, count, (double *)room);
            wcz_release(job->memory, &room);
        }
    }
    for (uint32_t i = 0; !error && i < count; i++) {
        wcz_store(job->out, job->dtype, i, wcz_at(&values, i));
    }
    wcz_release(job->memory, &values.data);
    return error;
}

const wcz_kind wcz_kind_rdft = {1, NULL, NULL, describe, build, NULL};
