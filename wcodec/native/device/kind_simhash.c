/* simhash (factorizations.md): signs of random projections, and the lengths of columns. */
#include "kinds.h"

/* The sum is a whole number of at most 2^24: one multiplication rounds. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const wcz_extents *x = (const wcz_extents *)p->own;
    const uint32_t bits = p->factors[0].shape[0], columns = p->factors[0].shape[1];
    int32_t sum = 0;
    for (uint32_t b = 0; b < bits; b++) {
        int32_t entry = wcz_generated(x->params[1], (uint64_t)i * bits + b);
        sum += wcz_value(p, 0, b * columns + j) != 0 ? entry : -entry;
    }
    double scale = wcz_value(p, 1, j);
    return p->values[1].wide ? scale * sum : (double)(float)((float)scale * (float)sum);
}

static const char plan[] =
    PLAN(SIZE("524288") DEFAULT("0", "4294967295"), "0,a", INTEGERS("signs", "a,C", "2") FACTOR("scales", "C"));

const wcz_kind wcz_kind_simhash = {13, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
