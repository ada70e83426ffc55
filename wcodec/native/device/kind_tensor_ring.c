/* tensor_ring (factorizations.md): a tensor train whose ends are joined. */
#include "device.h"

/* As many elements as the larger of the products of cores that end or begin at bond k. */
static uint64_t built_at(const wcz_modes *modes, unsigned k, unsigned meeting) {
    const uint64_t before = wcz_mode_product(modes, 0, k), behind = wcz_mode_product(modes, k, modes->rows.count);
    uint64_t most = k <= meeting ? before : 0;
    return k >= meeting && behind > most ? behind : most;
}

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_modes modes;
    int error = wcz_modes_of(record, &modes);
    const unsigned count = modes.rows.count;
    unsigned meeting = 0;
    if (error || modes.ranks.count != count || modes.ranks.values[0] < 1) {
        return error ? error : WCZ_FACTORIZATION;
    }
    for (unsigned k = 1; k < count; k++) {
        meeting += wcz_mode_product(&modes, 0, k) <= wcz_mode_product(&modes, k, count);
    }
    for (unsigned k = 1; k < count; k++) {
        uint64_t built = wcz_product(modes.ranks.values[0], built_at(&modes, k, meeting ? meeting : 1));
        uint64_t most = 4 * modes.elements / built;
        if (modes.ranks.values[k] < 1 || modes.ranks.values[k] > (most < 1 ? 1 : most)) {
            return WCZ_FACTORIZATION;
        }
    }
    for (unsigned k = 0; record->factor_count == count && !error && k < count; k++) {
        error = wcz_set_extents(&factors[k], "core", 4, modes.ranks.values[k], modes.rows.values[k],
                                modes.columns.values[k], modes.ranks.values[(k + 1) % count]);
    }
    return record->factor_count == count ? error : WCZ_RECORD;
}

static int build(const wcz_job *job) {
    return wcz_build_train(job);
}

const wcz_kind wcz_kind_tensor_ring = {7, describe, NULL, build};
