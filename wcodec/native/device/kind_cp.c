/* cp (factorizations.md): a sum of outer products. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    uint64_t elements = wcz_count_of(record->shape, record->rank), largest = 1, rank;
    int error = record->rank < 2 || record->param_count != 1 ? WCZ_FACTORIZATION : 0;
    for (unsigned i = 0; i < record->rank; i++) {
        largest = record->shape[i] > largest ? record->shape[i] : largest;
    }
    if (error || (error = wcz_size_param(record, 0, elements / largest, &rank))) {
        return error;
    }
    if (record->factor_count != record->rank) {
        return WCZ_RECORD;
    }
    for (unsigned i = 0; !error && i < record->rank; i++) {
        error = wcz_set_extents(&factors[i], "factor", 2, record->shape[i], rank, 0, 0);
    }
    return error;
}

/* Place i of the tensor as a vector. */
static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const wcz_record *record = p->job->record;
    const uint32_t rank = p->factors[0].shape[1];
    double sum = 0;
    (void)j;
    for (uint32_t s = 0; s < rank; s++) {
        double term = 1;
        uint64_t rest = i;
        for (unsigned axis = record->rank; axis-- > 0; rest /= record->shape[axis]) {
            term *= wcz_value(p, axis, rest % record->shape[axis] * rank + s);
        }
        sum += term;
    }
    return sum;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, 1, 0, (uint64_t)job->factors[0].shape[1] * job->record->rank, element);
}

const wcz_kind wcz_kind_cp = {10, describe, NULL, build};
