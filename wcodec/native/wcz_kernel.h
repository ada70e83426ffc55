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

/* -- adaptive binary range coder with contexts (coders.md, context) --------------------------------------------------- */

/* An array as the coder sees it: rows of channels of kernels, row-major. A vector is one row of channels. */
typedef struct {
    uint64_t rows;
    uint64_t channels;
    uint64_t kernel_rows;
    uint64_t kernel_columns;
    uint32_t context_set;      /* 0: arrays of rank 0 and 1; 1: the others */
} wcz_view;

#define WCZ_CONTEXT_SETS 2
#define WCZ_CONTEXTS 478
#define WCZ_MAX_COLUMNS 65536  /* a wider row shares entries */

/* All that outlives an array: about 4 KB. */
typedef struct {
    const uint8_t *payload;
    size_t size;
    size_t next;               /* bytes taken so far; past `size` the payload goes on with zeros */
    uint32_t range;
    uint32_t code;
    uint32_t contexts[WCZ_CONTEXT_SETS][WCZ_CONTEXTS];
} wcz_context_decoder;

typedef struct {
    uint8_t *payload;
    size_t capacity;
    size_t next;
    uint32_t range;
    uint32_t low;
    uint32_t contexts[WCZ_CONTEXT_SETS][WCZ_CONTEXTS];
} wcz_context_encoder;

/* Entries of `columns` that an array needs: the elements of a row, at most WCZ_MAX_COLUMNS. */
size_t wcz_context_columns(const wcz_view *view);

/* start, then each array in order, then end, which accepts exactly the bytes that the encoder writes.
 * `columns` is scratch for one array, of `column_count` >= wcz_context_columns(view) entries; `count` is the product
 * of the view. Time O(count): a payload that ends early is noticed at the end of a row. */
void wcz_context_decode_start(wcz_context_decoder *decoder, const uint8_t *payload, size_t size);
wcz_status wcz_context_decode_array(wcz_context_decoder *decoder, const wcz_view *view, uint16_t *columns,
                                    size_t column_count, int32_t *values, size_t count);
wcz_status wcz_context_decode_end(const wcz_context_decoder *decoder);

/* The same three steps; WCZ_CAPACITY where the payload is too small, after which the encoder cannot go on. */
void wcz_context_encode_start(wcz_context_encoder *encoder, uint8_t *payload, size_t capacity);
wcz_status wcz_context_encode_array(wcz_context_encoder *encoder, const wcz_view *view, uint16_t *columns,
                                    size_t column_count, const int32_t *values, size_t count);
wcz_status wcz_context_encode_end(wcz_context_encoder *encoder, size_t *written);

/* -- planes of bytes in static order-0 rANS (coders.md, float_planes) ------------------------------------------------ */

#define WCZ_PLANE_BLOCK 65536
#define WCZ_PLANE_SLOTS 4096

/* Tables of one block; the caller's, with any content. */
typedef struct {
    uint32_t slots[WCZ_PLANE_SLOTS];
    uint32_t frequencies[256];
    uint32_t starts[256];
} wcz_plane_scratch;

/* Decodes `count` bytes; `*consumed` receives the bytes of the payload that they took. Time O(count + size). */
wcz_status wcz_plane_decode(const uint8_t *payload, size_t size, wcz_plane_scratch *scratch, uint8_t *plane,
                            size_t count, size_t *consumed);

/* Bytes that `count` bytes of a plane take at most. */
size_t wcz_plane_bound(size_t count);

/* `capacity` >= wcz_plane_bound(count), else WCZ_CAPACITY. */
wcz_status wcz_plane_encode(const uint8_t *plane, size_t count, wcz_plane_scratch *scratch, uint8_t *payload,
                            size_t capacity, size_t *written);

#ifdef __cplusplus
}
#endif

#endif
