/* tucker2 (factorizations.md): a tensor with two of its axes compressed. */
#include "kinds.h"

enum { AXES = 2 };

static int axes_of(const wcz_record *record, wcz_list *axes) {
    int error = record->rank < 2 ? WCZ_FACTORIZATION : wcz_list_param(record, AXES, 1, axes);
    if (!error && axes->count == 0) {
        axes->count = 2;
        axes->values[0] = record->rank - 2u;
        axes->values[1] = record->rank - 1u;
    }
    if (!error && (axes->count != 2 || axes->values[0] >= axes->values[1] || axes->values[1] >= record->rank)) {
        error = WCZ_FACTORIZATION;
    }
    return error;
}

/* The two axes as rows and columns. */
static int view(const wcz_record *record, unsigned params, wcz_extents *x) {
    wcz_list axes;
    int error = record->param_count > params + 1 ? WCZ_FACTORIZATION : axes_of(record, &axes);
    if (!error) {
        x->rows = record->shape[axes.values[0]];
        x->columns = record->shape[axes.values[1]];
    }
    return error;
}

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    wcz_list axes;
    int error = wcz_describe_plan(kind, record, factors);
    for (unsigned i = 0; !error && i < 2; i++) {
        (void)axes_of(record, &axes);
        factors[0].shape[axes.values[i]] = factors[1 + i].shape[1];
    }
    return error;
}

/* Place i of the tensor as a vector. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const wcz_record *record = p->job->record;
    const wcz_list *axes = (const wcz_list *)p->own;
    const uint32_t first = p->factors[1].shape[1], second = p->factors[2].shape[1];
    uint32_t at[2], steps[2], place = j, stride = 1;
    double sum = 0;
    for (unsigned axis = record->rank; axis-- > 0; i /= record->shape[axis]) {
        const uint32_t digit = i % record->shape[axis];
        const unsigned which = axis == axes->values[1];
        if (which || axis == axes->values[0]) {
            at[which] = digit;
            steps[which] = stride;
        } else {
            place += digit * stride;
        }
        stride *= p->factors[0].shape[axis];
    }
    for (uint32_t a = 0; a < first; a++) {
        for (uint32_t b = 0; b < second; b++) {
            sum += wcz_value(p, 0, place + a * steps[0] + b * steps[1]) * wcz_value(p, 1, at[0] * first + a) *
                   wcz_value(p, 2, at[1] * second + b);
        }
    }
    return sum;
}

static int build(const wcz_job *job) {
    wcz_list axes;
    (void)axes_of(job->record, &axes);
    return wcz_build_elements(job, 1, 0, (uint64_t)job->factors[1].shape[1] * job->factors[2].shape[1], &axes);
}

static const char plan[] =
    PLAN(SIZE("R") SIZE("C"), "", FACTOR("core", "=") FACTOR("first", "R,a") FACTOR("second", "C,b"));

const wcz_kind wcz_kind_tucker2 = {9, plan, view, describe, build, element};
