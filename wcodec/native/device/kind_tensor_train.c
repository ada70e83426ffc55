/* tensor_train (factorizations.md): a padded matrix as a train of cores. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_modes modes;
    int error = wcz_modes_of(record, &modes);
    const unsigned count = modes.rows.count;
    if (error || modes.ranks.count != count - 1) {
        return error ? error : WCZ_FACTORIZATION;
    }
    for (unsigned k = 0; k + 1 < count; k++) {
        uint64_t before = wcz_mode_product(&modes, 0, k + 1), behind = wcz_mode_product(&modes, k + 1, count);
        if (modes.ranks.values[k] < 1 || modes.ranks.values[k] > (before < behind ? before : behind)) {
            return WCZ_FACTORIZATION;
        }
    }
    for (unsigned k = 0; record->factor_count == count && !error && k < count; k++) {
        error = wcz_set_extents(&factors[k], "core", 4, k ? modes.ranks.values[k - 1] : 1, modes.rows.values[k],
                                modes.columns.values[k], k + 1 < count ? modes.ranks.values[k] : 1);
    }
    return record->factor_count == count ? error : WCZ_RECORD;
}

static int build(const wcz_job *job) {
    return wcz_build_train(job);
}

const wcz_kind wcz_kind_tensor_train = {6, describe, NULL, build};
