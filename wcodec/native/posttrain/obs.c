/* Rounding with error feedback (docs/notes/posttrain.md). The readable twin is wcodec/posttrain/reference.py. */
#include "obs.h"

#define MAX_SYMBOL 2147483647.0

/* Nearest integer, ties to even, of |x| <= 2^31: adding 1.5 * 2^52 leaves no bits below the unit. */
static double nearest(double x) {
    const double shift = 6755399441055744.0;
    return (x + shift) - shift;
}

int wcz_round_with_feedback(const double *weights, size_t rows, size_t columns, const double *feedback,
                            const double *steps, int32_t *symbols, double *pending) {
    for (size_t row = 0; row < rows; row++) {
        const double *weight = weights + row * columns;
        const double step = steps[row];
        for (size_t c = 0; c < columns; c++) {
            pending[c] = weight[c];
        }
        for (size_t c = 0; c < columns; c++) {
            const double quotient = pending[c] / step;
            if (!(quotient >= -MAX_SYMBOL && quotient <= MAX_SYMBOL)) { /* NaN too */
                return 0;
            }
            const double symbol = nearest(quotient);
            const double error = weight[c] - symbol * step;
            const double *share = feedback + c * columns;
            symbols[row * columns + c] = (int32_t)symbol;
            for (size_t later = c + 1; later < columns; later++) {
                pending[later] += error * share[later];
            }
        }
    }
    return 1;
}
