/* simhash (factorizations.md): signs of random projections, and the lengths of columns. */
#include "device.h"

#define MAX_BITS 524288

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t bits;
    int64_t seed = 0;
    int error = wcz_matrix_of(record, 2, &m);
    if (error || (error = wcz_size_param(record, 0, MAX_BITS, &bits)) ||
        (error = wcz_integer_param(record, 1, 0, UINT32_MAX, &seed))) {
        return error;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    factors[0].integer = 1;
    error = wcz_set_extents(&factors[0], "signs", 2, bits, m.columns, 0, 0);
    return error ? error : wcz_set_extents(&factors[1], "scales", 1, m.columns, 0, 0, 0);
}

static int check(const wcz_record *record, const wcz_factor *factors) {
    (void)record;
    return wcz_check_integers(&factors[0], 2);
}

/* The sum is a whole number of at most 2^24: one multiplication rounds. */
static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t bits = p->factors[0].shape[0], columns = p->factors[0].shape[1];
    int64_t seed = 0;
    int32_t sum = 0;
    (void)wcz_integer_param(p->job->record, 1, 0, UINT32_MAX, &seed);
    for (uint64_t b = 0; b < bits; b++) {
        int32_t entry = wcz_generated((uint32_t)seed, bits, i, b);
        sum += wcz_value(p, 0, b * columns + j) != 0 ? entry : -entry;
    }
    double scale = wcz_value(p, 1, j);
    return p->values[1].wide ? scale * sum : (double)(float)((float)scale * (float)sum);
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, job->factors[0].shape[1], 0, job->factors[0].shape[0], element);
}

const wcz_kind wcz_kind_simhash = {13, describe, check, build};
