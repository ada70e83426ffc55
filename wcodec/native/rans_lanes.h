/* What the files of the rans decoder share. Internal to the kernel. */
#ifndef WCZ_RANS_LANES_H
#define WCZ_RANS_LANES_H

#include "wcz_rans.h"

#define RANS_SLOTS ((size_t)1 << WCZ_RANS_BITS)
#define RANS_STRIDE (WCZ_RANS_CONTEXTS * (int32_t)RANS_SLOTS)  /* slots of a class */
#define RANS_NULL_CLASS WCZ_RANS_CLASSES
#define RANS_LOW ((uint32_t)1 << 16)                           /* states are in RANS_LOW .. 2^32 - 1 */
#define RANS_ESCAPE (-128)
#define RANS_TILE 32                                           /* bytes of a column of a tile */

/* A slot: frequency << 20 | (slot - first slot of the symbol) << 8 | symbol as a byte. */
typedef uint32_t rans_slot;

/* Everything of one array that the inner loops need. A column of the tile holds lane j in byte 4 (j % 8) + j / 8, so
 * that eight lanes are one byte of each of eight 32-bit elements. Column `columns` is zero: no neighbour. */
typedef struct {
    size_t rows;
    size_t columns;
    size_t row_length;              /* elements of a row of the array; not `columns` in a flat view */
    unsigned lanes;                 /* 8 or 32, <= rows */
    const rans_slot *slots;         /* (16 + 1) classes x 5 contexts x 2048 */
    const int32_t *row_scale;       /* rows: (8 + exponent) * RANS_STRIDE */
    const int32_t *column_scale;    /* columns: exponent * RANS_STRIDE */
    const uint32_t *near_a;         /* columns: column of the tile, <= columns */
    const uint32_t *near_b;
    const uint8_t *unpack;          /* 256 x 16: byte shuffle that puts the next words where the mask has ones */
    int8_t *tile;                   /* columns + 1 columns; the symbols of the step, and of the one before */
} rans_matrix;

/* Of the lanes in one step: each decodes one row. */
typedef struct {
    uint32_t state[WCZ_RANS_LANES];
    int32_t scale[WCZ_RANS_LANES];  /* row_scale of the lane's row */
    int32_t limit[WCZ_RANS_LANES];  /* greatest class * RANS_STRIDE: 15, or 16 for a lane without a row */
    size_t row[WCZ_RANS_LANES];     /* rows, or RANS_NO_ROW */
} rans_lanes;

#define RANS_NO_ROW SIZE_MAX

struct wcz_rans_path {
    /* Fills what the matrix calls `unpack`, before its first row. */
    void (*prepare)(uint8_t *unpack);
    /* Decodes columns from `column` on, as many as it can do without a check of each word; returns where it stopped. */
    size_t (*decode)(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size, size_t *next,
                     size_t column);
    /* Stores columns of the tile from 0 on; returns where it stopped. */
    size_t (*store_int32)(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink);
    size_t (*store_float32)(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink);
};

/* First row of a band; lane `lanes` is one past the last. rows * lanes does not overflow: it is below 2^37. */
static inline size_t rans_band(const rans_matrix *matrix, size_t lane) {
    return (size_t)((uint64_t)matrix->rows * lane / matrix->lanes);
}

static inline int32_t rans_sign_of(int32_t value) {
    return (value > 0) - (value < 0);
}

static inline float rans_step_of_row(const wcz_rans_sink *sink, size_t row) {
    return sink->steps[sink->step_count > 1 ? row : 0];
}

/* The layout, scales and tables of the next array; the bounds of `matrix` are the caller's. (rans_header.c) */
wcz_status rans_read_scales(wcz_rans_decoder *decoder, const wcz_rans_shape *view, int32_t *row_scale,
                            int32_t *column_scale, int32_t *spare, uint32_t *reached);
wcz_status rans_read_tables(wcz_rans_decoder *decoder, uint32_t reached, unsigned contexts, rans_slot *slots);
wcz_status rans_read_near(wcz_rans_decoder *decoder, const wcz_rans_shape *view, uint32_t *near_a, uint32_t *near_b,
                          unsigned *contexts);

/* All rows of a matrix, from the lanes' states on; one symbol, `length` being the elements of a row. (rans_rows.c) */
wcz_status rans_read_rows(wcz_rans_decoder *decoder, const rans_matrix *matrix, const wcz_rans_sink *sink);
wcz_status rans_store_one(const wcz_rans_sink *sink, size_t length, size_t index, int32_t symbol);

#endif
