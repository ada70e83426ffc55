/* tensor_train (factorizations.md): a padded matrix as a train of cores. */
#include "kinds.h"

/* A ring whose first rank is 1. */
static int modes_of(const wcz_record *record, wcz_modes *modes) {
    int error = wcz_modes_of(record, modes);
    if (error || modes->ranks.count + 1 != modes->rows.count) {
        return error ? error : WCZ_FACTORIZATION;
    }
    wcz_add_first_rank(modes);
    return 0;
}

static uint64_t most(const wcz_modes *modes, unsigned k) {
    const uint64_t before = wcz_mode_product(modes, 0, k), behind = wcz_mode_product(modes, k, modes->rows.count);
    return before < behind ? before : behind;
}

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    wcz_modes modes;
    int error = modes_of(record, &modes);
    (void)kind;
    return error ? error : wcz_describe_cores(record, &modes, most, factors);
}

static int build(const wcz_job *job) {
    wcz_modes modes;
    (void)modes_of(job->record, &modes);
    return wcz_build_cores(job, &modes);
}

const wcz_kind wcz_kind_tensor_train = {6, NULL, NULL, describe, build, wcz_core_element};
