/* product_quantization (factorizations.md): codebooks of blocks, and an index for each block of each row. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t *book = p->factors[0].shape;      /* codebooks, levels, block */
    const uint32_t blocks = p->factors[1].shape[1], b = j / book[2];
    const uint32_t index = (uint32_t)wcz_value(p, 1, i * blocks + b), used = (uint32_t)((uint64_t)b * book[0] / blocks);
    return wcz_value(p, 0, (used * book[1] + index) * book[2] + j % book[2]);
}

static const char plan[] =
    PLAN(SIZE("65536") SIZE("C") DEFAULT("1", "C/b"), "0,1",
         FACTOR("codebook", "c,a,b") INTEGERS("index", "R,C/b", "a"));

const wcz_kind wcz_kind_product_quantization = {11, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
