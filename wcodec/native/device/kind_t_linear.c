/* t_linear (factorizations.md): square blocks, each diagonal in the basis of the cosine transform. */
#include "kinds.h"

static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t tube = p->factors[0].shape[2];
    const uint32_t first = (i / tube * p->factors[0].shape[1] + j / tube) * tube;
    double sum = 0;
    if (!p->next) {
        wcz_fill_cosines(p->room, tube);
        p->next = 1;
    }
    for (uint32_t f = 0; f < tube; f++) {
        sum += wcz_value(p, 0, first + f) * wcz_cosine(p->room, tube, f, i % tube) * wcz_cosine(p->room, tube, f, j % tube);
    }
    return sum;
}

static const char plan[] = PLAN(SIZE("R&C&1024"), "4*a+1,a", FACTOR("spectrum", "R/a,C/a,a"));

const wcz_kind wcz_kind_t_linear = {19, plan, wcz_as_matrix, wcz_describe_plan, wcz_build_plan, element};
