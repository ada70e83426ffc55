/* sparse (factorizations.md): a mask, and the values where it is set. */
#include "kinds.h"

/* From the factors as they are: no room for a second copy of them. */
static int build(const wcz_job *job) {
    uint32_t next = 0;
    for (uint32_t i = 0; i < job->factors[0].count; i++) {
        double value = wcz_factor_integer(&job->factors[0], i) ? wcz_factor_value(&job->factors[1], next++) : 0;
        wcz_store(job->out, job->dtype, i, value);
    }
    return 0;
}

static const char plan[] = PLAN(COUNT("R"), "", MASK("mask", "=", "a") FACTOR("values", "a"));

const wcz_kind wcz_kind_sparse = {4, plan, wcz_as_column, wcz_describe_plan, build, NULL};
