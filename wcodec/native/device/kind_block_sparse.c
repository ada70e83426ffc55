/* block_sparse (factorizations.md): a mask over the blocks of a matrix, and the blocks where it is set. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t height, width, blocks;
    int64_t count = 0;
    int error = wcz_matrix_of(record, 3, &m);
    if (error || (error = wcz_size_param(record, 0, m.rows, &height)) ||
        (error = wcz_size_param(record, 1, m.columns, &width))) {
        return error;
    }
    const uint64_t down = (m.rows + height - 1) / height, across = (m.columns + width - 1) / width;
    blocks = wcz_product(down, across);
    if ((error = wcz_integer_param(record, 2, 0, blocks > UINT32_MAX ? UINT32_MAX : (int64_t)blocks, &count))) {
        return error;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    error = wcz_set_extents(&factors[0], "mask", 2, down, across, 0, 0);
    factors[0].integer = 1;
    return error ? error : wcz_set_extents(&factors[1], "values", 3, (uint64_t)count, height, width, 0);
}

static int check(const wcz_record *record, const wcz_factor *factors) {
    uint64_t ones = 0;
    int error = wcz_check_integers(&factors[0], 2);
    (void)record;
    for (uint32_t i = 0; !error && i < factors[0].count; i++) {
        ones += (uint64_t)wcz_load_integer(factors[0].data, factors[0].stored, i);
    }
    return error || ones != factors[1].shape[0] ? WCZ_FACTORIZATION : 0;
}

/* Elements come in order; room holds, of the current row of blocks, the number of each block from 1, or 0. */
static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t across = p->factors[0].shape[1], height = p->factors[1].shape[1], width = p->factors[1].shape[2];
    if (!j && i % height == 0) {
        for (uint64_t c = 0; c < across; c++) {
            p->room[c] = wcz_value(p, 0, i / height * across + c) != 0 ? (double)++p->next : 0;
        }
    }
    const uint64_t block = (uint64_t)p->room[j / width];
    return block ? wcz_value(p, 1, ((block - 1) * height + i % height) * width + j % width) : 0;
}

static int build(const wcz_job *job) {
    wcz_matrix m;
    (void)wcz_matrix_of(job->record, 3, &m);
    return wcz_build_elements(job, m.columns, job->factors[0].shape[1], 1, element);
}

const wcz_kind wcz_kind_block_sparse = {30, describe, check, build};
