/* random_projection (factorizations.md): a generated matrix times a stored one. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const wcz_extents *x = (const wcz_extents *)p->own;
    const uint32_t rank = p->factors[0].shape[0], columns = p->factors[0].shape[1];
    double sum = 0;
    for (uint32_t k = 0; k < rank; k++) {
        sum += wcz_generated(x->params[1], (uint64_t)i * rank + k) * wcz_value(p, 0, k * columns + j);
    }
    return sum;
}

static const char plan[] = PLAN(SIZE("R&C") DEFAULT("0", "4294967295"), "0,a", FACTOR("right", "a,C"));

const wcz_kind wcz_kind_random_projection = {14, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
