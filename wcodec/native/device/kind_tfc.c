/* tfc (factorizations.md): symbols and steps as TensorFlow Compression's tutorial makes them. */
#include "kinds.h"

enum { PLAIN, SPECTRUM, MAX_PIXELS = 16 };

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    const uint32_t *shape = record->shape;
    uint32_t layout;
    (void)kind;
    if (record->param_count > 1 || wcz_natural_param(record, 0, '0', SPECTRUM, &layout) ||
        (layout == SPECTRUM && (record->rank != 4 || shape[0] - 1u >= MAX_PIXELS || shape[1] - 1u >= MAX_PIXELS))) {
        return WCZ_FACTORIZATION;
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

/* Of a spectrum: row i is place (y, x, input) of the kernel, column j the output. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const uint32_t *shape = p->job->record->shape;
    if (p->factors[1].rank == 0) {
        return wcz_value(p, 0, i) * wcz_value(p, 1, 0);
    }
    const uint32_t height = shape[0], width = shape[1], half = width / 2 + 1, turn = height * width;
    const uint32_t y = i / shape[2] / width, x = i / shape[2] % width;
    const uint32_t first = (i % shape[2] * shape[3] + j) * height * half * 2;
    double sum = 0;
    for (uint32_t bin = 0; bin < height * half; bin++) {
        const uint32_t f = bin / half, g = bin % half, angle = (f * y * width + g * x * height) % turn;
        const double scale = (g == 0 || 2 * g == width ? 1 : 2) * wcz_square_root(1, turn);
        /* The cosine of the angle for a real part; less its sine, the cosine a quarter of a turn on, for an imaginary one. */
        for (uint32_t part = 0; part < 2; part++) {
            const uint32_t place = 2 * bin + part, turned = (4 * angle + (1 + part) * turn) % (4 * turn);
            const double factor = (float)(scale * wcz_sine_of_turn(turned, 4 * turn));
            sum += factor * wcz_value(p, 0, first + place) * wcz_value(p, 1, place);
        }
    }
    return sum;
}

static int build(const wcz_job *job) {
    const uint32_t columns = job->factors[1].rank ? job->record->shape[3] : 1;
    return wcz_build_elements(job, columns, 0, job->factors[1].count, NULL);
}

const wcz_kind wcz_kind_tfc = {29, NULL, NULL, describe, build, element};
