/* mixed_block (factorizations.md): blocks that are mixtures of the same few blocks. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t across = p->factors[0].shape[1], bases = p->factors[0].shape[2];
    const uint32_t rows = p->factors[1].shape[1], columns = p->factors[1].shape[2];
    double sum = 0;
    for (uint32_t b = 0; b < bases; b++) {
        sum += wcz_value(p, 0, (i / rows * across + j / columns) * bases + b) *
               wcz_value(p, 1, (b * rows + i % rows) * columns + j % columns);
    }
    return sum;
}

static const char plan[] =
    PLAN(SIZE("R/b*(C/c)&(b*c)") SIZE("R") SIZE("C"), "0,a",
         FACTOR("coefficients", "R/b,C/c,a") FACTOR("bases", "a,b,c"));

const wcz_kind wcz_kind_mixed_block = {17, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
