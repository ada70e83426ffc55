/* low_rank (factorizations.md): the product of two thin matrices. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t rank;
    int error = wcz_matrix_of(record, 1, &m);
    if (error || (error = wcz_size_param(record, 0, m.rows < m.columns ? m.rows : m.columns, &rank))) {
        return error;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    error = wcz_set_extents(&factors[0], "left", 2, m.rows, rank, 0, 0);
    return error ? error : wcz_set_extents(&factors[1], "right", 2, rank, m.columns, 0, 0);
}

static int build(const wcz_job *job) {
    const size_t rows = job->factors[0].shape[0], rank = job->factors[0].shape[1], columns = job->factors[1].shape[1];
    wcz_values left = {NULL, 0}, right = {NULL, 0};
    int error = wcz_widen(job->memory, &job->factors[0], &left);
    error = error ? error : wcz_widen(job->memory, &job->factors[1], &right);
    for (size_t i = 0; !error && i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            wcz_store(job->out, job->dtype, i * columns + j, wcz_dot(&left, i * rank, 1, &right, j, columns, rank));
        }
    }
    wcz_release(job->memory, &left.data);
    wcz_release(job->memory, &right.data);
    return error;
}

const wcz_kind wcz_kind_low_rank = {2, describe, NULL, build};
