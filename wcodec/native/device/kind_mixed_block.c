/* mixed_block (factorizations.md): blocks that are mixtures of the same few blocks. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t bases, rows, columns;
    int error = wcz_matrix_of(record, 3, &m);
    if (error || (error = wcz_size_param(record, 1, m.rows, &rows)) ||
        (error = wcz_size_param(record, 2, m.columns, &columns))) {
        return error;
    }
    const uint64_t down = (m.rows + rows - 1) / rows, across = (m.columns + columns - 1) / columns;
    const uint64_t blocks = wcz_product(down, across), elements = wcz_product(rows, columns);
    if ((error = wcz_size_param(record, 0, blocks < elements ? blocks : elements, &bases))) {
        return error;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    error = wcz_set_extents(&factors[0], "coefficients", 3, down, across, bases, 0);
    return error ? error : wcz_set_extents(&factors[1], "bases", 3, bases, rows, columns, 0);
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t across = p->factors[0].shape[1], bases = p->factors[0].shape[2];
    const uint64_t rows = p->factors[1].shape[1], columns = p->factors[1].shape[2];
    double sum = 0;
    for (uint64_t b = 0; b < bases; b++) {
        sum += wcz_value(p, 0, (i / rows * across + j / columns) * bases + b) *
               wcz_value(p, 1, (b * rows + i % rows) * columns + j % columns);
    }
    return sum;
}

static int build(const wcz_job *job) {
    wcz_matrix m;
    (void)wcz_matrix_of(job->record, 3, &m);
    return wcz_build_elements(job, m.columns, 0, job->factors[1].shape[0], element);
}

const wcz_kind wcz_kind_mixed_block = {17, describe, NULL, build};
