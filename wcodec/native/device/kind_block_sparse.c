/* block_sparse (factorizations.md): a mask over the blocks of a matrix, and the blocks where it is set. */
#include "kinds.h"

/* Elements come in order; room holds, of the current row of blocks, the number of each block from 1, or 0. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t across = p->factors[0].shape[1], height = p->factors[1].shape[1], width = p->factors[1].shape[2];
    if (!j && i % height == 0) {
        for (uint32_t c = 0; c < across; c++) {
            p->room[c] = wcz_value(p, 0, i / height * across + c) != 0 ? ++p->next : 0;
        }
    }
    const uint32_t block = (uint32_t)p->room[j / width];
    return block ? wcz_value(p, 1, ((block - 1) * height + i % height) * width + j % width) : 0;
}

static const char plan[] =
    PLAN(SIZE("R") SIZE("C") DEFAULT("0", "R/a*(C/b)"), "C/b,1",
         MASK("mask", "R/a,C/b", "c") FACTOR("values", "c,a,b"));

const wcz_kind wcz_kind_block_sparse = {30, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
