/* t_linear (factorizations.md): square blocks, each diagonal in the basis of the cosine transform. */
#include "device.h"

#define MAX_TUBE 1024

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t tube, most;
    int error = wcz_matrix_of(record, 1, &m);
    most = m.rows < m.columns ? m.rows : m.columns;
    if (error || (error = wcz_size_param(record, 0, most < MAX_TUBE ? most : MAX_TUBE, &tube))) {
        return error;
    }
    if (record->factor_count != 1) {
        return WCZ_RECORD;
    }
    return wcz_set_extents(factors, "spectrum", 3, (m.rows + tube - 1) / tube, (m.columns + tube - 1) / tube, tube, 0);
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint32_t tube = p->factors[0].shape[2];
    const uint64_t first = (i / tube * p->factors[0].shape[1] + j / tube) * tube;
    double sum = 0;
    if (!p->next) {
        wcz_fill_cosines(p->room, tube);
        p->next = 1;
    }
    for (uint32_t f = 0; f < tube; f++) {
        sum += wcz_value(p, 0, first + f) * wcz_cosine(p->room, tube, f, (uint32_t)(i % tube)) *
               wcz_cosine(p->room, tube, f, (uint32_t)(j % tube));
    }
    return sum;
}

static int build(const wcz_job *job) {
    wcz_matrix m;
    (void)wcz_matrix_of(job->record, 1, &m);
    return wcz_build_elements(job, m.columns, 4 * (uint64_t)job->factors[0].shape[2], job->factors[0].shape[2], element);
}

const wcz_kind wcz_kind_t_linear = {19, describe, NULL, build};
