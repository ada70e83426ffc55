/* low_rank (factorizations.md): the product of two thin matrices. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t rank = p->factors[1].shape[0], columns = p->factors[1].shape[1];
    return wcz_dot(&p->values[0], (size_t)i * rank, 1, &p->values[1], j, columns, rank);
}

static const char plan[] = PLAN(SIZE("R&C"), "0,1", FACTOR("left", "R,a") FACTOR("right", "a,C"));

const wcz_kind wcz_kind_low_rank = {2, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
