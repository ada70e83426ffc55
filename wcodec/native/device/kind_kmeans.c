/* kmeans (factorizations.md): a codebook, and an index for each weight. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    int64_t levels = 0;
    uint32_t count;
    int error = record->param_count != 1 ? WCZ_FACTORIZATION : wcz_integer_param(record, 0, 1, 65536, &levels);
    if (error || record->factor_count != 2) {
        return error ? error : WCZ_RECORD;
    }
    count = (uint32_t)levels;
    wcz_set_shape(&factors[0], "codebook", 1, &count);
    wcz_set_shape(&factors[1], "index", record->rank, record->shape);
    factors[1].integer = 1;
    return 0;
}

static int check(const wcz_record *record, const wcz_factor *factors) {
    (void)record;
    return wcz_check_integers(&factors[1], factors[0].count);
}

static int build(const wcz_job *job) {
    for (uint32_t i = 0; i < job->factors[1].count; i++) {
        uint32_t index = (uint32_t)wcz_factor_integer(&job->factors[1], i);
        wcz_store(job->out, job->dtype, i, wcz_factor_value(&job->factors[0], index));
    }
    return 0;
}

const wcz_kind wcz_kind_kmeans = {3, describe, check, build};
