/* cp (factorizations.md): a sum of outer products. */
#include "kinds.h"

/* Slices: elements for each place of the longest axis. */
static int view(const wcz_record *record, unsigned params, wcz_extents *x) {
    uint32_t largest = 1;
    for (unsigned i = 0; i < record->rank; i++) {
        largest = record->shape[i] > largest ? record->shape[i] : largest;
    }
    int error = wcz_as_column(record, params, x);
    x->slices = x->rows / largest;
    return record->rank < 2 ? WCZ_FACTORIZATION : error;
}

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    wcz_extents x;
    int error = wcz_read_plan(kind, record, &x);
    if (error || record->factor_count != record->rank) {
        return error ? error : WCZ_RECORD;
    }
    for (unsigned i = 0; i < record->rank; i++) {
        const uint32_t shape[2] = {record->shape[i], x.params[0]};
        wcz_set_shape(&factors[i], "factor", 2, shape);
    }
    return 0;
}

/* Place i of the tensor as a vector. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const wcz_record *record = p->job->record;
    const uint32_t rank = p->factors[0].shape[1];
    double sum = 0;
    for (uint32_t s = j; s < rank; s++) {
        double term = 1;
        uint32_t rest = i;
        for (unsigned axis = record->rank; axis-- > 0; rest /= record->shape[axis]) {
            term *= wcz_value(p, axis, rest % record->shape[axis] * rank + s);
        }
        sum += term;
    }
    return sum;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, 1, 0, (uint64_t)job->factors[0].shape[1] * job->record->rank, NULL);
}

static const char plan[] = PLAN(SIZE("S"), "", "");

const wcz_kind wcz_kind_cp = {10, plan, view, describe, build, element};
