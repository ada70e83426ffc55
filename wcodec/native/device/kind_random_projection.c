/* random_projection (factorizations.md): a generated matrix times a stored one. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t rank;
    int64_t seed = 0;
    int error = wcz_matrix_of(record, 2, &m);
    if (error || (error = wcz_size_param(record, 0, m.rows < m.columns ? m.rows : m.columns, &rank)) ||
        (error = wcz_integer_param(record, 1, 0, UINT32_MAX, &seed))) {
        return error;
    }
    return record->factor_count == 1 ? wcz_set_extents(&factors[0], "right", 2, rank, m.columns, 0, 0) : WCZ_RECORD;
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t rank = p->factors[0].shape[0], columns = p->factors[0].shape[1];
    int64_t seed = 0;
    double sum = 0;
    (void)wcz_integer_param(p->job->record, 1, 0, UINT32_MAX, &seed);
    for (uint64_t k = 0; k < rank; k++) {
        sum += wcz_generated((uint32_t)seed, rank, i, k) * wcz_value(p, 0, k * columns + j);
    }
    return sum;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, job->factors[0].shape[1], 0, job->factors[0].shape[0], element);
}

const wcz_kind wcz_kind_random_projection = {14, describe, NULL, build};
