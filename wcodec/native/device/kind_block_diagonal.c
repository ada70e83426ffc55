/* block_diagonal (factorizations.md): blocks on the diagonal of a matrix, zeros elsewhere. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t blocks;
    int error = wcz_matrix_of(record, 1, &m);
    if (error || (error = wcz_size_param(record, 0, m.rows < m.columns ? m.rows : m.columns, &blocks))) {
        return error;
    }
    if (record->factor_count != 1) {
        return WCZ_RECORD;
    }
    return wcz_set_extents(factors, "blocks", 3, blocks, (m.rows + blocks - 1) / blocks, (m.columns + blocks - 1) / blocks, 0);
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t rows = p->factors[0].shape[1], columns = p->factors[0].shape[2];
    return i / rows == j / columns ? wcz_value(p, 0, i * columns + j % columns) : 0;
}

static int build(const wcz_job *job) {
    wcz_matrix m;
    (void)wcz_matrix_of(job->record, 1, &m);
    return wcz_build_elements(job, m.columns, 0, 1, element);
}

const wcz_kind wcz_kind_block_diagonal = {15, describe, NULL, build};
