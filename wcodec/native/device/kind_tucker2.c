/* tucker2 (factorizations.md): a tensor with two of its axes compressed. */
#include "device.h"

static int axes_of(const wcz_record *record, wcz_list *axes) {
    int error = record->rank < 2 || record->param_count > 3 ? WCZ_FACTORIZATION : wcz_list_param(record, 2, 1, axes);
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

static int describe(const wcz_record *record, wcz_factor *factors) {
    static const char *const NAMES[2] = {"first", "second"};
    wcz_list axes;
    uint64_t ranks[2];
    int error = axes_of(record, &axes);
    for (unsigned i = 0; !error && i < 2; i++) {
        error = wcz_size_param(record, i, record->shape[axes.values[i]], &ranks[i]);
    }
    if (error || record->factor_count != 3) {
        return error ? error : WCZ_RECORD;
    }
    wcz_set_shape(&factors[0], "core", record->rank, record->shape);
    for (unsigned i = 0; i < 2; i++) {
        factors[0].shape[axes.values[i]] = (uint32_t)ranks[i];
        (void)wcz_set_extents(&factors[1 + i], NAMES[i], 2, record->shape[axes.values[i]], ranks[i], 0, 0);
    }
    return 0;
}

/* Place i of the tensor as a vector. */
static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const wcz_record *record = p->job->record;
    const wcz_factor *core = &p->factors[0];
    wcz_list axes;
    uint64_t at[2] = {0, 0}, steps[2] = {0, 0}, place = 0, stride = 1;
    double sum = 0;
    (void)j;
    (void)axes_of(record, &axes);
    for (unsigned axis = record->rank; axis-- > 0; i /= record->shape[axis]) {
        const uint64_t digit = i % record->shape[axis];
        const unsigned which = axis == axes.values[1];
        if (which || axis == axes.values[0]) {
            at[which] = digit;
            steps[which] = stride;
        } else {
            place += digit * stride;
        }
        stride *= core->shape[axis];
    }
    const uint64_t first = p->factors[1].shape[1], second = p->factors[2].shape[1];
    for (uint64_t a = 0; a < first; a++) {
        for (uint64_t b = 0; b < second; b++) {
            sum += wcz_value(p, 0, place + a * steps[0] + b * steps[1]) * wcz_value(p, 1, at[0] * first + a) *
                   wcz_value(p, 2, at[1] * second + b);
        }
    }
    return sum;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, 1, 0, (uint64_t)job->factors[1].shape[1] * job->factors[2].shape[1], element);
}

const wcz_kind wcz_kind_tucker2 = {9, describe, NULL, build};
