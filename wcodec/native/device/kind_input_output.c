/* input_output (factorizations.md): blocks of inputs through one matrix, blocks of outputs from another. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t block = p->factors[0].shape[0], width = p->factors[0].shape[1], across = p->factors[1].shape[1];
    const uint32_t out_width = p->factors[2].shape[0], out_block = p->factors[2].shape[1];
    double sum = 0;
    for (uint32_t b = 0; b < width; b++) {
        for (uint32_t d = 0; d < out_width; d++) {
            sum += wcz_value(p, 0, i % block * width + b) *
                   wcz_value(p, 1, (i / block * width + b) * across + j / out_block * out_width + d) *
                   wcz_value(p, 2, d * out_block + j % out_block);
        }
    }
    return sum;
}

static const char plan[] =
    PLAN(SIZE("R") SIZE("a") DEFAULT("1", "C") DEFAULT("1", "c"), "0,b*d",
         FACTOR("input", "a,b") FACTOR("core", "R/a*b,C/c*d") FACTOR("output", "d,c"));

const wcz_kind wcz_kind_input_output = {16, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
