/* sparse_kmeans (factorizations.md): a mask, and an index into a codebook where it is set. */
#include "kinds.h"

/* Elements come in order. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    (void)j;
    return wcz_value(p, 1, i) != 0 ? wcz_value(p, 0, (uint32_t)wcz_value(p, 2, p->next++)) : 0;
}

static const char plan[] =
    PLAN(COUNT("R") SIZE("65536"), "0,1",
         FACTOR("codebook", "b") MASK("mask", "=", "a") INTEGERS("index", "a", "b"));

const wcz_kind wcz_kind_sparse_kmeans = {12, plan, wcz_as_column, wcz_describe_plan, wcz_build_plan, element};
