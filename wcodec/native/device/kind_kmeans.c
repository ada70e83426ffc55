/* kmeans (factorizations.md): a codebook, and an index for each weight. */
#include "kinds.h"

/* From the factors as they are: no room for a second copy of the indices. */
static int build(const wcz_job *job) {
    for (uint32_t i = 0; i < job->factors[1].count; i++) {
        uint32_t index = (uint32_t)wcz_factor_integer(&job->factors[1], i);
        wcz_store(job->out, job->dtype, i, wcz_factor_value(&job->factors[0], index));
    }
    return 0;
}

static const char plan[] = PLAN(SIZE("65536"), "", FACTOR("codebook", "a") INTEGERS("index", "=", "a"));

const wcz_kind wcz_kind_kmeans = {3, plan, wcz_as_column, wcz_describe_plan, build, NULL};
