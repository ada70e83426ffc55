/* block_diagonal (factorizations.md): blocks on the diagonal of a matrix, zeros elsewhere. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t rows = p->factors[0].shape[1], columns = p->factors[0].shape[2];
    return i / rows == j / columns ? wcz_value(p, 0, i * columns + j % columns) : 0;
}

static const char plan[] = PLAN(SIZE("R&C"), "0,1", FACTOR("blocks", "a,R/a,C/a"));

const wcz_kind wcz_kind_block_diagonal = {15, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
