/* Quantizing with error feedback (docs/notes/posttrain.md): for encoders on hosts, in floating point, and for that apart
 * from the kernel. No libc, no allocation, no global state; the caller owns every buffer.
 */
#ifndef WCZ_OBS_H
#define WCZ_OBS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rounds weights (rows, columns) to symbols of one step a row. Column c is rounded after the errors of the columns
 * before it were added, times feedback (columns, columns) [those columns, c]; only its part above the diagonal is read.
 * `pending` is room for `columns` numbers. 1, or 0 for a symbol beyond int32 and for NaN. */
int wcz_round_with_feedback(const double *weights, size_t rows, size_t columns, const double *feedback,
                            const double *steps, int32_t *symbols, double *pending);

#ifdef __cplusplus
}
#endif

#endif
