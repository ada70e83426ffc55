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

/* What a search looks for, beside the error.
 *
 * weights: one a column, by how much its squared error counts (in units of a squared step).
 * bits: `sizes` >= 1 code lengths by magnitude, the last one for all that are larger; times `rate` they count too.
 */
typedef struct {
    const double *weights;
    double rate;
    const double *bits;
    size_t sizes;
} wcz_search_cost;

/* Like wcz_round_with_feedback, but keeps the `paths` (1 .. 64) best beginnings of a row and tries two or, where a rate
 * counts, three symbols after each. Of equal costs the one that was tried first stays: the nearest symbol, after the
 * best beginning. `room` has wcz_search_room(columns, paths) bytes, aligned for double. 1; 0 for a symbol beyond int32
 * and for NaN. */
int wcz_search_with_feedback(const double *weights, size_t rows, size_t columns, const double *feedback,
                             const double *steps, const wcz_search_cost *cost, size_t paths, int32_t *symbols,
                             void *room);

/* Bytes of scratch; 0 where they would not fit size_t. */
size_t wcz_search_room(size_t columns, size_t paths);

#ifdef __cplusplus
}
#endif

#endif
