/* tensor_ring (factorizations.md): a tensor train whose ends are joined. */
#include "kinds.h"

/* Four times the padded matrix hold the larger of the products of cores that end or begin at bond k, each up to where the
 * two meet. */
static uint64_t most(const wcz_modes *modes, unsigned k) {
    const unsigned count = modes->rows.count;
    const uint64_t before = wcz_mode_product(modes, 0, k), behind = wcz_mode_product(modes, k, count);
    unsigned meeting = 0;
    for (unsigned i = 1; i < count; i++) {
        meeting += wcz_mode_product(modes, 0, i) <= wcz_mode_product(modes, i, count);
    }
    meeting = meeting ? meeting : 1;
    uint64_t built = k <= meeting ? before : 0;
    built = k >= meeting && behind > built ? behind : built;
    const uint64_t ranks = 4 * modes->elements / wcz_product(modes->ranks.values[0], built);
    return ranks < 1 ? 1 : ranks;
}

static int modes_of(const wcz_record *record, wcz_modes *modes) {
    int error = wcz_modes_of(record, modes);
    return !error && modes->ranks.count != modes->rows.count ? WCZ_FACTORIZATION : error;
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

const wcz_kind wcz_kind_tensor_ring = {7, NULL, NULL, describe, build, wcz_core_element};
