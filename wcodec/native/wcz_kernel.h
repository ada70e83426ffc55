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

/* -- binary range coder (coders.md, range coder), inside the coders that follow ------------------------------------ */

typedef struct {
    const uint8_t *payload;
    size_t size;
    size_t next;               /* bytes taken so far; past `size` the payload goes on with zeros */
    uint32_t range;
    uint32_t code;
} wcz_range_decoder;

typedef struct {
    uint8_t *payload;
    size_t capacity;
    size_t next;               /* bytes written so far; capacity + 1: more than there is room for */
    uint32_t range;
    uint32_t low;
} wcz_range_encoder;

/* -- adaptive binary range coder with contexts (coders.md, context) --------------------------------------------------- */

/* An array as this coder and the next one see it: rows of channels of kernels, row-major. A vector is one row of channels. */
typedef struct {
    uint64_t rows;
    uint64_t channels;
    uint64_t kernel_rows;
    uint64_t kernel_columns;
    uint32_t context_set;      /* of the context coder. 0: arrays of rank 0 and 1; 1: the others */
} wcz_view;

#define WCZ_CONTEXT_SETS 2
#define WCZ_CONTEXTS 478
#define WCZ_MAX_COLUMNS 65536  /* a wider row shares entries */

/* All that outlives an array: about 4 KB. */
typedef struct {
    wcz_range_decoder in;
    uint32_t contexts[WCZ_CONTEXT_SETS][WCZ_CONTEXTS];
} wcz_context_decoder;

typedef struct {
    wcz_range_encoder out;
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

typedef struct {
    uint64_t cost;             /* of all arrays so far, in 2^-16 bit */
    uint32_t contexts[WCZ_CONTEXT_SETS][WCZ_CONTEXTS];
} wcz_context_meter;

/* What the arrays would cost; the encoder's model without its payload. `costs` receives the cost of each symbol in 2^-16
 * bit, or is NULL. */
void wcz_context_cost_start(wcz_context_meter *meter);
wcz_status wcz_context_cost_array(wcz_context_meter *meter, const wcz_view *view, uint16_t *columns,
                                  size_t column_count, const int32_t *values, size_t count, uint32_t *costs);

/* -- planes of bytes in static order-0 rANS (coders.md, float_planes) ------------------------------------------------ */

#define WCZ_PLANE_BLOCK 65536      /* elements */
#define WCZ_PLANE_SLOTS 4096

/* Where an element's sign goes, so that the highest byte of a number in floating point holds exponent alone. */
typedef enum {
    WCZ_FOLD_NONE = 0,
    WCZ_FOLD_ROTATE = 1,       /* floating point: left by one bit */
    WCZ_FOLD_ZIGZAG = 2        /* signed integers: 0, -1, 1, -2, ... become 0, 1, 2, 3, ... */
} wcz_fold;

/* `count` elements in the machine's byte order, aligned to their `width` of 1, 2, 4 or 8 bytes; single bytes have no
 * fold. */
typedef struct {
    void *data;
    size_t count;
    unsigned width;
    wcz_fold fold;
} wcz_elements;

/* Decodes 32 lanes, `count` bytes at most, while words of every lane are there; the bytes of `plane` done, whole turns
 * of the lanes. `slots` as the format's table gives them, `*next` the first word not taken. */
typedef size_t (*wcz_plane_path)(const uint32_t *slots, uint32_t *lanes, const uint8_t *payload, size_t size,
                                 size_t *next, uint8_t *plane, size_t count);

size_t wcz_plane_portable(const uint32_t *slots, uint32_t *lanes, const uint8_t *payload, size_t size, size_t *next,
                          uint8_t *plane, size_t count);

/* The path of this processor's vectors, which gives the same values, or NULL. */
wcz_plane_path wcz_plane_avx2(void);

/* Bytes of `planes`, scratch of both directions: the planes of a block. */
size_t wcz_plane_room(const wcz_elements *elements);

/* Fills the elements; `*consumed` receives the bytes of the payload that they took. Time O(count). */
wcz_status wcz_plane_decode(wcz_plane_path path, const uint8_t *payload, size_t size, uint32_t slots[WCZ_PLANE_SLOTS],
                            uint8_t *planes, const wcz_elements *elements, size_t *consumed);

/* A byte value in the encoder: ceil(2^44 / frequency), frequency * 2^20, first slot, 4096 - frequency. */
typedef struct {
    uint64_t reciprocal;
    uint32_t limit;
    uint16_t start;
    uint16_t rest;
} wcz_plane_symbol;

/* Tables of one block of a plane; the caller's, with any content. */
typedef struct {
    wcz_plane_symbol symbols[256];
    uint32_t counts[4][256];
    uint16_t words[WCZ_PLANE_BLOCK];
} wcz_plane_scratch;

/* Bytes that the elements take at most. */
size_t wcz_plane_bound(const wcz_elements *elements);

/* `capacity` >= wcz_plane_bound(elements), else WCZ_CAPACITY. */
wcz_status wcz_plane_encode(const wcz_elements *elements, wcz_plane_scratch *scratch, uint8_t *planes,
                            uint8_t *payload, size_t capacity, size_t *written);

/* -- mixing binary range coder (coders.md, mixing) ------------------------------------------------------------------ */

#define WCZ_MIXING_PLACES 256     /* places in a kernel with a prediction of their own; the others share */

/* All that the coder has learned, 60 KB, and tables, 21 KB (mixing_curves.h). coders.md says what each field is. */
typedef struct {
    uint32_t counters[26 * 12 + 26 * 15 + 81][16];
    uint32_t sign_pairs[32][9];
    uint32_t sign_predictions[45];
    uint32_t escape_sizes[32];
    uint32_t escape_tops[32];
    uint32_t low_bits[16][4];
    int32_t mixers[15][4];
    int32_t scale_weights[8];   /* of six features; two are zero */
    int32_t scale_bias;
    int32_t shared_taps[3][8];
    int32_t place_taps[WCZ_MIXING_PLACES][8];
#ifndef WCZ_FEW_TABLES
    int16_t stretch[4096];
    uint16_t squash[4096];
    uint16_t rates[1024];
    int16_t confidences[1024];
    uint16_t mixer_rates[256];
#endif
    uint8_t mixer_uses[16];
} wcz_mixing_model;

typedef struct {
    wcz_range_decoder in;
    wcz_mixing_model model;
} wcz_mixing_decoder;

typedef struct {
    wcz_range_encoder out;
    wcz_mixing_model model;
} wcz_mixing_encoder;

typedef struct {
    uint64_t cost;             /* of all arrays so far, in 2^-16 bit */
    wcz_mixing_model model;
} wcz_mixing_meter;

/* Bytes of scratch, aligned to four, that an array needs: at most 27 an element of a row, and some; 0 for a row that no
 * memory holds. */
size_t wcz_mixing_scratch(const wcz_view *view);

/* No payload of `size` bytes holds more symbols than this: to be checked before memory is taken for them. */
uint64_t wcz_mixing_most_symbols(size_t size);

/* start, then each array in order, then end, which accepts exactly the bytes that the encoder writes. `count` is the
 * product of the view. Time O(count), and no more than O(size): a payload that ends early is noticed at once. */
void wcz_mixing_decode_start(wcz_mixing_decoder *decoder, const uint8_t *payload, size_t size);
wcz_status wcz_mixing_decode_array(wcz_mixing_decoder *decoder, const wcz_view *view, void *scratch,
                                   size_t scratch_size, int32_t *values, size_t count);
wcz_status wcz_mixing_decode_end(const wcz_mixing_decoder *decoder);

/* The same three steps; WCZ_CAPACITY where the payload is too small, after which the encoder cannot go on. */
void wcz_mixing_encode_start(wcz_mixing_encoder *encoder, uint8_t *payload, size_t capacity);
wcz_status wcz_mixing_encode_array(wcz_mixing_encoder *encoder, const wcz_view *view, void *scratch,
                                   size_t scratch_size, const int32_t *values, size_t count);
wcz_status wcz_mixing_encode_end(wcz_mixing_encoder *encoder, size_t *written);

/* What the arrays would cost; the encoder's model without its payload. `costs` receives the cost of each symbol in 2^-16
 * bit, or is NULL. */
void wcz_mixing_cost_start(wcz_mixing_meter *meter);
wcz_status wcz_mixing_cost_array(wcz_mixing_meter *meter, const wcz_view *view, void *scratch,
                                 size_t scratch_size, const int32_t *values, size_t count, uint32_t *costs);

#ifdef __cplusplus
}
#endif

#endif
