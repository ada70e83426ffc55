/* The native kernel of wcodec: entropy decoders and encoders behind a C ABI.
 *
 * Freestanding C99: no libc, no allocation, no global state. The caller owns every buffer and passes its length; each
 * function checks before it reads or writes and returns a wcz_status. The normative text is format_spec/coders.md; the
 * readable twin of each function is in wcodec/coders/reference/.
 */
#ifndef WCZ_KERNEL_H
#define WCZ_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    WCZ_OK = 0,
    WCZ_TRUNCATED = 1,   /* the payload ended before the last symbol */
    WCZ_CORRUPT = 2,     /* a code that no encoder writes */
    WCZ_OVERRUN = 3,     /* more symbols than the caller declared */
    WCZ_SYMBOL = 4,      /* encoder: a symbol outside -(2^31 - 1) .. 2^31 - 1 */
    WCZ_CAPACITY = 5,    /* the caller's buffer is too small */
    WCZ_ARGUMENT = 6     /* a parameter outside its range */
} wcz_status;

/* -- run-length codes: Elias gamma and Rice (coders.md, elias_gamma and rice) ---------------------------------------- */

typedef struct {
    int32_t run_code;          /* -1: Elias gamma; 0..30: Rice with that many low bits */
    int32_t magnitude_code;    /* the same, for the magnitudes of the non-zeros */
    int32_t non_zero_runs;     /* 0 or 1: also code the lengths of the runs of non-zeros */
} wcz_run_length_format;

/* Decodes `count` symbols; `*consumed` receives the whole bytes they took. Time O(count + size). */
wcz_status wcz_run_length_decode(const uint8_t *payload, size_t size, const wcz_run_length_format *format,
                                 int32_t *values, size_t count, size_t *consumed);

/* Exact length of the code in bits. */
wcz_status wcz_run_length_bits(const int32_t *values, size_t count, const wcz_run_length_format *format,
                               uint64_t *bits);

/* Writes the ceil(bits / 8) bytes of the code; `*written` receives their number. */
wcz_status wcz_run_length_encode(const int32_t *values, size_t count, const wcz_run_length_format *format,
                                 uint8_t *payload, size_t capacity, size_t *written);

/* -- encoder only: quantizing with error feedback (docs/notes/posttrain.md) ------------------------------------------- */

/* Rounds weights (rows, columns) to symbols of one step a row. Column c is rounded after the errors of the columns
 * before it were added, times feedback (columns, columns) [those columns, c]; only its part above the diagonal is read.
 * `pending` is room for `columns` numbers. WCZ_SYMBOL for a symbol beyond int32, and for NaN. */
wcz_status wcz_round_with_feedback(const double *weights, size_t rows, size_t columns, const double *feedback,
                                   const double *steps, int32_t *symbols, double *pending);

#ifdef __cplusplus
}
#endif

#endif
