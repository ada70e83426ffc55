/* low_rank (factorizations.md): the product of two thin matrices. */
#include "device.h"

typedef struct {
    uint64_t rows, columns;
    int64_t rank;
} sizes;

static int sizes_of(const wcz_record *record, sizes *s) {
    int64_t row_axes = 0, rank = 0;
    int error = record->rank < 2 || record->param_count < 1 || record->param_count > 2 ? WCZ_FACTORIZATION : 0;
    if (error || (error = wcz_integer_param(record, 1, 0, record->rank - 1, &row_axes))) {
        return error;
    }
    unsigned split = row_axes ? (unsigned)row_axes : record->rank - 1u;
    s->rows = wcz_count_of(record->shape, split);
    s->columns = wcz_count_of(record->shape + split, record->rank - split);
    uint64_t most = s->rows < s->columns ? s->rows : s->columns;
    most = most < 1 ? 1 : most > UINT32_MAX ? UINT32_MAX : most;
    error = wcz_integer_param(record, 0, 1, (int64_t)most, &rank);
    s->rank = rank;
    return error;
}

static int describe(const wcz_record *record, wcz_factor *factors) {
    sizes s;
    uint32_t shape[2];
    int error = sizes_of(record, &s);
    if (error || record->factor_count != 2) {
        return error ? error : WCZ_RECORD;
    }
    if (s.rows > UINT32_MAX || s.columns > UINT32_MAX) {
        return WCZ_LIMIT;
    }
    shape[0] = (uint32_t)s.rows;
    shape[1] = (uint32_t)s.rank;
    wcz_set_shape(&factors[0], "left", 2, shape);
    shape[0] = (uint32_t)s.rank;
    shape[1] = (uint32_t)s.columns;
    wcz_set_shape(&factors[1], "right", 2, shape);
    return 0;
}

static int build(const wcz_job *job) {
    sizes s;
    wcz_values left = {NULL, 0}, right = {NULL, 0};
    int error = sizes_of(job->record, &s);
    if (!error && !(error = wcz_widen(job->memory, &job->factors[0], &left))) {
        error = wcz_widen(job->memory, &job->factors[1], &right);
    }
    for (size_t i = 0; !error && i < (size_t)s.rows; i++) {
        for (size_t j = 0; j < (size_t)s.columns; j++) {
            double sum = wcz_dot(&left, i * (size_t)s.rank, 1, &right, j, (size_t)s.columns, (size_t)s.rank);
            wcz_store(job->out, job->dtype, i * (size_t)s.columns + j, sum);
        }
    }
    wcz_release(job->memory, &left.data);
    wcz_release(job->memory, &right.data);
    return error;
}

const wcz_kind wcz_kind_low_rank = {2, describe, NULL, build};
