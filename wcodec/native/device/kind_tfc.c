/* tfc (factorizations.md): symbols and steps as TensorFlow Compression's tutorial makes them. */
#include "device.h"

enum { PLAIN, SPECTRUM, MAX_PIXELS = 16 };

static int layout_of(const wcz_record *record, int64_t *layout) {
    *layout = PLAIN;
    return record->param_count > 1 ? WCZ_FACTORIZATION : wcz_integer_param(record, 0, PLAIN, SPECTRUM, layout);
}

static int describe(const wcz_record *record, wcz_factor *factors) {
    const uint32_t *shape = record->shape;
    int64_t layout;
    int error = layout_of(record, &layout);
    int spectral = record->rank == 4 && shape[0] >= 1 && shape[0] <= MAX_PIXELS && shape[1] >= 1 && shape[1] <= MAX_PIXELS;
    if (error || (layout == SPECTRUM && !spectral)) {
        return error ? error : WCZ_FACTORIZATION;
    }
    if (record->factor_count != 2) {
        return WCZ_RECORD;
    }
    factors[0].integer = 1;
    if (layout == PLAIN) {
        wcz_set_shape(&factors[0], "symbols", record->rank, shape);
        wcz_set_shape(&factors[1], "steps", 0, shape);
        return 0;
    }
    const uint32_t bins[5] = {shape[2], shape[3], shape[0], shape[1] / 2 + 1, 2};
    wcz_set_shape(&factors[0], "symbols", 5, bins);
    wcz_set_shape(&factors[1], "steps", 3, bins + 2);
    return 0;
}

static double plain_element(wcz_product_state *p, uint64_t i, uint64_t j) {
    (void)j;
    return wcz_value(p, 0, i) * wcz_value(p, 1, 0);
}

/* Row i is place (y, x, input) of the kernel, column j the output. */
static double spectral_element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint32_t *shape = p->job->record->shape;
    const uint32_t height = shape[0], width = shape[1], half = width / 2 + 1, turn = height * width;
    const uint32_t y = (uint32_t)(i / shape[2] / width), x = (uint32_t)(i / shape[2] % width);
    const uint64_t first = (i % shape[2] * shape[3] + j) * height * half * 2;
    double sum = 0;
    for (uint32_t bin = 0; bin < height * half; bin++) {
        const uint32_t f = bin / half, g = bin % half, angle = (f * y * width + g * x * height) % turn;
        const double scale = (g == 0 || 2 * g == width ? 1 : 2) * wcz_square_root(1.0 / turn);
        const double cosine = (float)(scale * wcz_sine_of_turn((4 * angle + turn) % (4 * turn), 4 * turn));
        const double sine_ = (float)(scale * wcz_sine_of_turn(angle, turn));
        sum += cosine * wcz_value(p, 0, first + 2 * bin) * wcz_value(p, 1, 2 * (uint64_t)bin);
        sum -= sine_ * wcz_value(p, 0, first + 2 * bin + 1) * wcz_value(p, 1, 2 * (uint64_t)bin + 1);
    }
    return sum;
}

static int build(const wcz_job *job) {
    int64_t layout;
    (void)layout_of(job->record, &layout);
    if (layout == PLAIN) {
        return wcz_build_elements(job, 1, 0, 1, plain_element);
    }
    return wcz_build_elements(job, job->record->shape[3], 0, job->factors[1].count, spectral_element);
}

const wcz_kind wcz_kind_tfc = {29, describe, NULL, build};
