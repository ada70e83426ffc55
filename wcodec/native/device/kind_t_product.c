/* t_product (factorizations.md): two tensors under the cosine transform of their tubes. */
#include "kinds.h"

#define MAX_POSITIONS 1024

/* Slices: positions of the kernel, each a matrix of rows and columns. */
static int view(const wcz_record *record, unsigned params, wcz_extents *x) {
    const unsigned last = record->rank;
    if (last < 3 || record->param_count > params) {
        return WCZ_FACTORIZATION;
    }
    x->slices = wcz_count_of(record->shape, last - 2);
    x->rows = record->shape[last - 2];
    x->columns = record->shape[last - 1];
    return x->slices < 1 || x->slices > MAX_POSITIONS ? WCZ_FACTORIZATION : 0;
}

/* Row i is output (k, i mod rows) of the kernel. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t positions = p->factors[0].shape[0], rows = p->factors[0].shape[1], rank = p->factors[0].shape[2];
    const uint32_t columns = p->factors[1].shape[2];
    double sum = 0;
    if (!p->next) {
        wcz_fill_cosines(p->room, positions);
        p->next = 1;
    }
    for (uint32_t f = 0; f < positions; f++) {
        double inner = 0;
        for (uint32_t s = 0; s < rank; s++) {
            inner += wcz_value(p, 0, (f * rows + i % rows) * rank + s) * wcz_value(p, 1, (f * rank + s) * columns + j);
        }
        sum += wcz_cosine(p->room, positions, f, i / rows) * inner;
    }
    return sum;
}

static const char plan[] = PLAN(SIZE("R&C"), "4*S+1,S*a", FACTOR("left", "S,R,a") FACTOR("right", "S,a,C"));

const wcz_kind wcz_kind_t_product = {18, plan, view, wcz_describe_plan, wcz_build_plan, element};
