/* input_output (factorizations.md): blocks of inputs through one matrix, blocks of outputs from another. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t block, width;
    int64_t out_block = 1, out_width = 1;
    int error = wcz_matrix_of(record, 4, &m);
    if (error || (error = wcz_size_param(record, 0, m.rows, &block)) ||
        (error = wcz_size_param(record, 1, block, &width)) ||
        (error = wcz_integer_param(record, 2, 1, m.columns ? (int64_t)m.columns : 1, &out_block)) ||
        (error = wcz_integer_param(record, 3, 1, out_block, &out_width))) {
        return error;
    }
    if (record->factor_count != 3) {
        return WCZ_RECORD;
    }
    const uint64_t columns = (uint64_t)out_block;
    if ((error = wcz_set_extents(&factors[0], "input", 2, block, width, 0, 0)) ||
        (error = wcz_set_extents(&factors[1], "core", 2, (m.rows + block - 1) / block * width,
                                 (m.columns + columns - 1) / columns * (uint64_t)out_width, 0, 0))) {
        return error;
    }
    return wcz_set_extents(&factors[2], "output", 2, (uint64_t)out_width, columns, 0, 0);
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t block = p->factors[0].shape[0], width = p->factors[0].shape[1], across = p->factors[1].shape[1];
    const uint64_t out_width = p->factors[2].shape[0], out_block = p->factors[2].shape[1];
    double sum = 0;
    for (uint64_t b = 0; b < width; b++) {
        for (uint64_t d = 0; d < out_width; d++) {
            sum += wcz_value(p, 0, i % block * width + b) *
                   wcz_value(p, 1, (i / block * width + b) * across + j / out_block * out_width + d) *
                   wcz_value(p, 2, d * out_block + j % out_block);
        }
    }
    return sum;
}

static int build(const wcz_job *job) {
    wcz_matrix m;
    (void)wcz_matrix_of(job->record, 4, &m);
    return wcz_build_elements(job, m.columns, 0, (uint64_t)job->factors[0].shape[1] * job->factors[2].shape[0], element);
}

const wcz_kind wcz_kind_input_output = {16, describe, NULL, build};
