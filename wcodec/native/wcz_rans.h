/* The rans coder (coders.md, rans): interleaved range asymmetric numeral systems with static tables.
 *
 * Part of the kernel: freestanding C99, no allocation, no global state; see wcz_kernel.h for the rules. A payload is
 * read array by array: wcz_rans_open, then wcz_rans_read for each array in order, then wcz_rans_close.
 */
#ifndef WCZ_RANS_CODER_H
#define WCZ_RANS_CODER_H

#include "adaptive.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WCZ_RANS_LANES = 32,            /* at most */
    WCZ_RANS_BITS = 11,             /* frequencies sum to 2^11 */
    WCZ_RANS_CLASSES = 16,          /* scale classes; one more, NULL_CLASS, pads lanes that ran out of rows */
    WCZ_RANS_CONTEXTS = 5,          /* sign contexts of a class */
    WCZ_RANS_MODELS = 37            /* adaptive integers of the control string */
};

/* Models of the control string. The first ones are of integers from 0, the others have a sign. */
enum {
    WCZ_RANS_LAYOUT, WCZ_RANS_VIEW, WCZ_RANS_NEAR_A, WCZ_RANS_NEAR_B, WCZ_RANS_SCALES, WCZ_RANS_MERGED,
    WCZ_RANS_RARE, WCZ_RANS_FIRST_SIGNED,
    WCZ_RANS_ROW = WCZ_RANS_FIRST_SIGNED, WCZ_RANS_CHANNEL, WCZ_RANS_KERNEL, WCZ_RANS_REST, WCZ_RANS_LOW,
    WCZ_RANS_HIGH, WCZ_RANS_FREQUENCY, WCZ_RANS_ESCAPE = WCZ_RANS_FREQUENCY + 5, WCZ_RANS_VECTOR,
    WCZ_RANS_MATRIX = WCZ_RANS_VECTOR + 9
};

/* An array as rows x (channels x kernel); `line` is the last kernel axis. Rank below 2: one row, kernel of 1. */
typedef struct {
    size_t rows;
    size_t channels;
    size_t kernel;
    size_t line;
} wcz_rans_shape;

typedef enum { WCZ_RANS_INT8, WCZ_RANS_INT16, WCZ_RANS_INT32, WCZ_RANS_FLOAT32 } wcz_rans_type;

/* Where an array goes: row-major elements of `type`. float32 elements are symbol * step, rounded once. */
typedef struct {
    wcz_rans_type type;
    void *data;
    const float *steps;     /* float32 only: one, or one a row */
    size_t step_count;
} wcz_rans_sink;

/* One way to run the inner loops; all ways give the same values. */
typedef struct wcz_rans_path wcz_rans_path;
extern const wcz_rans_path wcz_rans_portable;
/* The path of AVX2, or NULL where this processor or build has none. */
const wcz_rans_path *wcz_rans_avx2(void);

typedef struct {
    const wcz_rans_path *path;
    wcz_range_decoder control;
    wcz_integer_model models[WCZ_RANS_MODELS];
    const uint8_t *words;
    size_t size;            /* of `words` in bytes */
    size_t next;            /* <= size */
} wcz_rans_decoder;

wcz_status wcz_rans_open(wcz_rans_decoder *decoder, const wcz_rans_path *path, const uint8_t *payload, size_t size);

/* Bytes of scratch that wcz_rans_read needs for an array: 700 kB and at most 10 bytes an element; 0 if too large. */
size_t wcz_rans_scratch(const wcz_rans_shape *shape);

/* The next array, which has at least one element. Time O(elements + 2^18). WCZ_SYMBOL: one that `type` cannot hold. */
wcz_status wcz_rans_read(wcz_rans_decoder *decoder, const wcz_rans_shape *shape, const wcz_rans_sink *sink,
                         void *scratch, size_t scratch_size);

/* WCZ_OVERRUN unless the arrays read took the whole payload. */
wcz_status wcz_rans_close(const wcz_rans_decoder *decoder);

/* -- encoder: the loops over symbols; choosing the parameters is not the kernel's task ------------------------------- */

/* The integers values[i] under models[i] as one string. 64 bytes an integer and 4 are always room enough: an integer
 * is at most 36 adaptive decisions of 10 bits and 29 even ones. */
wcz_status wcz_adaptive_encode(const uint8_t *models, const int32_t *values, size_t count, uint8_t *out,
                               size_t capacity, size_t *written);

/* A matrix cut into bands, a lane a band: symbols[step][column][lane]. */
typedef struct {
    size_t rows;
    size_t columns;
    size_t lanes;               /* 1..32, <= rows */
    const int32_t *near_a;      /* columns: column of the neighbour, own column = row above, -1 = none */
    const int32_t *near_b;
    const int32_t *row_scale;   /* rows */
    const int32_t *column_scale;/* columns; class = clamp(8 + row_scale + column_scale, 0, 15) */
} wcz_rans_bands;

/* int32 rows x columns -> int8 steps x columns x lanes; beyond +-127 becomes the escape -128, no row becomes 0. */
wcz_status wcz_rans_pack(const int32_t *values, size_t rows, size_t columns, size_t lanes, int8_t *symbols);

/* counts[16][9][256] of class, 3 sign(a) + sign(b) + 4, symbol + 128. */
wcz_status wcz_rans_count(const int8_t *symbols, const wcz_rans_bands *bands, uint32_t *counts);

/* How the contexts of a matrix are used: 0 both neighbours, 1 the first, 2 the second, 3 none; what that costs, tables and
 * symbols, in 2^-16 bit; and which classes have one table for all contexts. */
typedef struct {
    uint32_t choice;
    uint64_t bits;
    uint8_t merged[WCZ_RANS_CLASSES];
} wcz_rans_contexts;

/* The cheapest use of counts[16][9][256], 2^32 - 1 symbols at most, and its counts tables[16][5][256]. */
wcz_status wcz_rans_weigh(const uint32_t *counts, wcz_rans_contexts *best, uint32_t *tables);

/* Lane states and words. frequencies[16][5][256] by class, context, symbol + 128; each of 5 sums to 2048 or is not met.
 * Fills `out` from its end; `*start` is where the string begins. Room: 4 bytes a lane and 2 a symbol. */
wcz_status wcz_rans_encode(const int8_t *symbols, const wcz_rans_bands *bands, const uint16_t *frequencies,
                           uint8_t *out, size_t capacity, size_t *start);

/* Cheapest path through costs[count][16], moving k levels costs moves[k]; starts from level 8. `back` holds count * 16. */
wcz_status wcz_rans_smooth(const int32_t *costs, size_t count, const int32_t *moves, uint8_t *back, uint8_t *path);

#ifdef __cplusplus
}
#endif

#endif
