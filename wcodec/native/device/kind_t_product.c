/* t_product (factorizations.md): two tensors under the cosine transform of their tubes. */
#include "device.h"

#define MAX_POSITIONS 1024

static int describe(const wcz_record *record, wcz_factor *factors) {
    const unsigned last = record->rank;
    uint64_t rank;
    int error = last < 3 || record->param_count != 1 ? WCZ_FACTORIZATION : 0;
    uint64_t positions = error ? 0 : wcz_count_of(record->shape, last - 2);
    if (error || positions < 1 || positions > MAX_POSITIONS) {
        return WCZ_FACTORIZATION;
    }
    const uint32_t rows = record->shape[last - 2], columns = record->shape[last - 1];
    if ((error = wcz_size_param(record, 0, rows < columns ? rows : columns, &rank))) {
        return error;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    error = wcz_set_extents(&factors[0], "left", 3, positions, rows, rank, 0);
    return error ? error : wcz_set_extents(&factors[1], "right", 3, positions, rank, columns, 0);
}

/* Row i is output (k, i mod rows) of the kernel. */
static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint32_t positions = p->factors[0].shape[0], rows = p->factors[0].shape[1], rank = p->factors[0].shape[2];
    const uint64_t columns = p->factors[1].shape[2];
    double sum = 0;
    if (!p->next) {
        wcz_fill_cosines(p->room, positions);
        p->next = 1;
    }
    for (uint32_t f = 0; f < positions; f++) {
        double inner = 0;
        for (uint64_t s = 0; s < rank; s++) {
            inner += wcz_value(p, 0, ((uint64_t)f * rows + i % rows) * rank + s) *
                     wcz_value(p, 1, ((uint64_t)f * rank + s) * columns + j);
        }
        sum += wcz_cosine(p->room, positions, f, (uint32_t)(i / rows)) * inner;
    }
    return sum;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, job->factors[1].shape[2], 4 * (uint64_t)job->factors[0].shape[0], (uint64_t)job->factors[0].shape[0] * job->factors[0].shape[2], element);
}

const wcz_kind wcz_kind_t_product = {18, describe, NULL, build};
