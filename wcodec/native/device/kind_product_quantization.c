/* product_quantization (factorizations.md): codebooks of blocks, and an index for each block of each row. */
#include "device.h"

static uint64_t divided_up(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t levels, block;
    int64_t codebooks = 1;
    int error = wcz_matrix_of(record, 3, &m);
    if (error || (error = wcz_size_param(record, 0, 65536, &levels)) ||
        (error = wcz_size_param(record, 1, m.columns, &block))) {
        return error;
    }
    uint64_t blocks = divided_up(m.columns, block);
    if ((error = wcz_integer_param(record, 2, 1, blocks ? (int64_t)blocks : 1, &codebooks))) {
        return error;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    factors[1].integer = 1;
    error = wcz_set_extents(&factors[0], "codebook", 3, (uint64_t)codebooks, levels, block, 0);
    return error ? error : wcz_set_extents(&factors[1], "index", 2, m.rows, blocks, 0, 0);
}

static int check(const wcz_record *record, const wcz_factor *factors) {
    (void)record;
    return wcz_check_integers(&factors[1], factors[0].shape[1]);
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint32_t *book = p->factors[0].shape;      /* codebooks, levels, block */
    const uint64_t blocks = p->factors[1].shape[1], b = j / book[2];
    uint64_t index = (uint64_t)wcz_value(p, 1, i * blocks + b);
    return wcz_value(p, 0, (b * book[0] / blocks * book[1] + index) * book[2] + j % book[2]);
}

static int build(const wcz_job *job) {
    wcz_matrix m;
    (void)wcz_matrix_of(job->record, 3, &m);
    return wcz_build_elements(job, m.columns, 0, 1, element);
}

const wcz_kind wcz_kind_product_quantization = {11, describe, check, build};
