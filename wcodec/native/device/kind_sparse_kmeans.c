/* sparse_kmeans (factorizations.md): a mask, and an index into a codebook where it is set. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    uint64_t elements = wcz_count_of(record->shape, record->rank), levels;
    int64_t count = -1;
    int error = record->param_count != 2 ? WCZ_FACTORIZATION
                                         : wcz_integer_param(record, 0, 0, elements > UINT32_MAX ? UINT32_MAX
                                                                                                 : (int64_t)elements, &count);
    if (error || (error = wcz_size_param(record, 1, 65536, &levels))) {
        return error;
    }
    if (record->factor_count != 3) {
        return WCZ_RECORD;
    }
    (void)wcz_set_extents(&factors[0], "codebook", 1, levels, 0, 0, 0);
    wcz_set_shape(&factors[1], "mask", record->rank, record->shape);
    (void)wcz_set_extents(&factors[2], "index", 1, (uint64_t)count, 0, 0, 0);
    factors[1].integer = factors[2].integer = 1;
    return 0;
}

static int check(const wcz_record *record, const wcz_factor *factors) {
    uint64_t ones = 0;
    int error = wcz_check_integers(&factors[1], 2);
    (void)record;
    for (uint32_t i = 0; !error && i < factors[1].count; i++) {
        ones += (uint64_t)wcz_load_integer(factors[1].data, factors[1].stored, i);
    }
    return error || ones != factors[2].count ? WCZ_FACTORIZATION : wcz_check_integers(&factors[2], factors[0].count);
}

/* Elements come in order. */
static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    (void)j;
    return wcz_value(p, 1, i) != 0 ? wcz_value(p, 0, (uint64_t)wcz_value(p, 2, p->next++)) : 0;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, 1, 0, 1, element);
}

const wcz_kind wcz_kind_sparse_kmeans = {12, describe, check, build};
