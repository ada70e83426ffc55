/* sparse (factorizations.md): a mask, and the values where it is set. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    uint64_t elements = wcz_count_of(record->shape, record->rank);
    int64_t count = 0, most = elements < UINT32_MAX ? (int64_t)elements : UINT32_MAX;
    uint32_t values;
    int error = record->param_count != 1 ? WCZ_FACTORIZATION : wcz_integer_param(record, 0, 0, most, &count);
    if (error || record->factor_count != 2) {
        return error ? error : WCZ_RECORD;
    }
    values = (uint32_t)count;
    wcz_set_shape(&factors[0], "mask", record->rank, record->shape);
    factors[0].integer = 1;
    wcz_set_shape(&factors[1], "values", 1, &values);
    return 0;
}

static int check(const wcz_record *record, const wcz_factor *factors) {
    uint64_t ones = 0;
    int error = wcz_check_integers(&factors[0], 2);
    (void)record;
    for (uint32_t i = 0; !error && i < factors[0].count; i++) {
        ones += (uint64_t)wcz_load_integer(factors[0].data, factors[0].stored, i);
    }
    return error || ones != factors[1].count ? WCZ_FACTORIZATION : 0;
}

static int build(const wcz_job *job) {
    uint32_t next = 0;
    for (uint32_t i = 0; i < job->factors[0].count; i++) {
        double value = wcz_factor_integer(&job->factors[0], i) ? wcz_factor_value(&job->factors[1], next++) : 0;
        wcz_store(job->out, job->dtype, i, value);
    }
    return 0;
}

const wcz_kind wcz_kind_sparse = {4, describe, check, build};
