/* dictionary (factorizations.md): a few atoms of a dictionary for each row. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t atoms = p->factors[0].shape[1], nonzeros = p->factors[1].shape[1], columns = p->factors[2].shape[1];
    uint32_t next = i * nonzeros;
    double sum = 0;
    for (uint32_t a = 0; a < atoms; a++) {
        if (wcz_value(p, 0, i * atoms + a) != 0) {
            sum += wcz_value(p, 1, next++) * wcz_value(p, 2, a * columns + j);
        }
    }
    return sum;
}

static const char plan[] =
    PLAN(SIZE("R") SIZE("a"), "0,a",
         ROW_MASK("mask", "R,a", "b") FACTOR("coefficients", "R,b") FACTOR("atoms", "a,C"));

const wcz_kind wcz_kind_dictionary = {5, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
