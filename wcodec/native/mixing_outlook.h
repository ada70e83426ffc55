/* What the mixing coder knows before it codes a symbol (coders.md, mixing): where the symbol stands, the scale that is
 * expected there, and the signed value that its neighbours predict. Internal to the kernel.
 */
#ifndef WCZ_MIXING_OUTLOOK_H
#define WCZ_MIXING_OUTLOOK_H

#include "mixing_lanes.h"
#include "mixing_model.h"

enum {
    CLIPPED = 2047,                   /* magnitudes count as at most this in all means */
    LINE_LIMIT = 16383                /* symbols are clipped to this where others look at them */
};

/* A neighbour is `line` rows above, and `one` + `row` * w + `kernel` * k columns further, w being a kernel's columns and k
 * its places. */
typedef struct {
    int8_t line, one, row, kernel;
    int8_t needs;                     /* what must be in the same kernel */
} tap;

typedef struct {
    size_t width, kernel;
    uint32_t *columns;                /* running mean magnitude of each column and channel, in 2^-12, below 2^23 + 1 */
    uint32_t *channels;
    int16_t *lines[3];                /* this row, the row above and the one above that, clipped; zeros around them */
    const tap *neighbours;            /* TAPS of them */
    ptrdiff_t offsets[TAPS];          /* of the neighbours in columns */
    const int16_t *taps[TAPS];        /* where the neighbours of column 0 are */
    int16_t masks[16][TAPS];          /* 0 where a neighbour is in another kernel: by what is in the same kernel */
    uint8_t *inside;                  /* what is: by place in the kernel */
    uint64_t sum, seen;               /* of magnitudes in 2^-12 */
    uint32_t mean;                    /* of the array, in 2^-12 */
    int32_t log_mean;
    uint32_t row_mean, recent, less_recent;
    size_t row, column, channel, place;    /* place: in the kernel */
} walk;

/* From symbols to units of 2^floor(scale) / 256, by octave of the scale from the tenth on, which stands for those below
 * too. */
static const scaling SCALINGS[14] = {
    SCALING(0, 1, 10), SCALING(0, 3, 9), SCALING(0, 7, 8), SCALING(0, 15, 7), SCALING(0, 31, 6), SCALING(0, 63, 5),
    SCALING(0, 127, 4), SCALING(0, 255, 3), SCALING(0, 511, 2), SCALING(0, 1023, 1), SCALING(0, 2047, 0),
    SCALING(1, 2047, 0), SCALING(2, 2047, 0), SCALING(3, 2047, 0),
};

typedef struct {
    lanes features;                   /* |.| < 6400; the last two are 0 */
    int32_t scale;                    /* log2 of the expected magnitude in 2^-12, in 1/256: 0 .. 6143 */
    lanes neighbours;                 /* clipped symbols */
    lanes scaled;                     /* the same in units of 2^floor(scale) / 256: |.| <= 2047 */
    const scaling *by;                /* what scales them */
    uniform prediction;               /* in the same unit, |.| <= 2047 */
    int32_t ratio;                    /* prediction / 2^scale in 1/256: |.| <= 2047 */
    int32_t bin;                      /* of the ratio, -7 .. 7 */
} outlook;

/* -- neighbours ------------------------------------------------------------------------------------------------------ */

enum { NEEDS_LEFT = 1, NEEDS_LEFT2 = 2, NEEDS_RIGHT = 4, NEEDS_ABOVE = 8 };    /* in the same kernel */

/* By kind of kernel: none, one row, several rows. Offsets stay within the margins of a line: 2 * kernel + 4 to the left,
 * 1 to the right. In the line itself they point at known symbols, or NEEDS_RIGHT hides what is there. */
static const tap NEIGHBOURS[3][TAPS] = {
    {{0, -1, 0, 0, 0}, {1, 0, 0, 0, 0}, {0, -2, 0, 0, 0}, {1, -1, 0, 0, 0},
     {1, 1, 0, 0, 0}, {2, 0, 0, 0, 0}, {0, -3, 0, 0, 0}, {2, -1, 0, 0, 0}},
    {{0, -1, 0, 0, NEEDS_LEFT}, {0, 0, 0, -1, 0}, {0, 1, 0, -1, NEEDS_RIGHT}, {1, 0, 0, 0, 0},
     {0, -2, 0, 0, NEEDS_LEFT2}, {0, 0, 0, -2, 0}, {2, 0, 0, 0, 0}, {0, -1, 0, -1, NEEDS_LEFT}},
    {{0, -1, 0, 0, NEEDS_LEFT}, {0, 0, -1, 0, NEEDS_ABOVE}, {0, 0, 0, -1, 0}, {1, 0, 0, 0, 0},
     {0, -1, -1, 0, NEEDS_LEFT | NEEDS_ABOVE}, {0, 1, -1, 0, NEEDS_RIGHT | NEEDS_ABOVE}, {0, 0, 0, -2, 0},
     {2, 0, 0, 0, 0}},
};

static inline void choose_taps(walk *at, int kind, size_t kernel_columns) {
    at->neighbours = NEIGHBOURS[kind];
    for (int i = 0; i < TAPS; i++) {
        const tap *t = &at->neighbours[i];
        at->offsets[i] = t->one + t->row * (ptrdiff_t)kernel_columns + t->kernel * (ptrdiff_t)at->kernel;
        for (int inside = 0; inside < 16; inside++) {
            at->masks[inside][i] = (t->needs & ~inside) ? 0 : -1;
        }
    }
    for (size_t place = 0; place < at->kernel; place++) {
        size_t x = place % kernel_columns;
        at->inside[place] = (uint8_t)((x >= 1 ? NEEDS_LEFT : 0) | (x >= 2 ? NEEDS_LEFT2 : 0)
                                      | (x + 1 < kernel_columns ? NEEDS_RIGHT : 0)
                                      | (place >= kernel_columns ? NEEDS_ABOVE : 0));
    }
}

static inline void find_neighbours(const walk *at, outlook *o) {
    lanes_gather(&o->neighbours, at->taps, at->column, at->masks[at->inside[at->place]]);
}

/* -- scale: an online regression of log2 of the magnitude ------------------------------------------------------------ */

/* Logs of means relative to that of the array. Each mean is below 2^23 and what smooths it below 2^23 + 5, so that a
 * sum is below 2^24; in the first row the mean of the array stands for those of columns and channels. */
static inline void find_features(const walk *at, outlook *o) {
    uint32_t whole = at->mean + 4, half = 4 + (at->mean >> 1), eighth = 4 + (at->mean >> 3), sixteenth = 4 + (at->mean >> 4);
    int32_t previous = at->lines[0][(ptrdiff_t)at->column - (ptrdiff_t)at->kernel];
    previous = previous < 0 ? -previous : previous;
    previous = previous < CLIPPED ? previous : CLIPPED;
    uint32_t row = at->row_mean + 4 + (at->mean >> 5);
    uint32_t column = at->row ? at->columns[at->column] + sixteenth : whole;
    uint32_t channel = at->row | at->place ? at->channels[at->channel] + sixteenth : whole;
    lanes_log2(&o->features, at->log_mean, row, column, channel, at->recent + half, at->less_recent + eighth,
               ((uint32_t)previous << 12) + whole, whole, whole);
}

/* |feature| < 6400 and |weight| < 2^23 (see hold_weights), so six products with weight >> 8 and the bias are below
 * 6 * 6400 * 2^15 + 2^23 < 2^31. */
static inline void find_scale(const wcz_mixing_model *model, const walk *at, outlook *o) {
    int32_t sum = model->scale_bias + lanes_dot(&o->features, model->scale_weights);
    o->scale = clamp(at->log_mean + clamp(sum >> 12, -1023, 1023), 0, 6143);
}

/* The error of the scale relative to 1 + scale is within -512 .. 2047; the product with a feature is below 2^24,
 * so that a weight moves by less than 2^18. */
static inline void learn_scale(wcz_mixing_model *model, const outlook *o, uint32_t magnitude) {
    int32_t expected = exp2_fixed(o->scale);
    unsigned unit = wcz_log2((uint32_t)expected + 4096);
    int32_t error = ((int32_t)(magnitude << 12) - expected) >> (unit - 8);
    error = error < 2047 ? error : 2047;
    lanes_step(model->scale_weights, &o->features, uniform_of(error), 6);
    model->scale_bias += 2 * error;
}

/* -- signed prediction: sign and size from the neighbours by least mean squares -------------------------------------- */

/* |weights| < 2^20 together (see hold_weights), >> 4 makes 2^16; eight products with 2047 are below 2^30. The product with
 * the unit is prediction * unit / 256: 2047 << 4 fits 16 bits. */
static inline void predict(const wcz_mixing_model *model, const walk *at, outlook *o, int kind) {
    const int32_t *own = model->place_taps[at->place % WCZ_MIXING_PLACES];
    const int32_t unit = PREDICTION_UNITS[o->scale >> 4 & 15] << 4;
    o->by = &SCALINGS[o->scale < 2560 ? 0 : (o->scale >> 8) - 10];
    lanes_scale(o->by, &o->neighbours, &o->scaled);
    o->prediction = uniform_clamp(lanes_dot_of_sums(own, model->shared_taps[kind], &o->scaled), 2047);
    uniform ratio = uniform_high(uniform_left(o->prediction, 4), uniform_of(unit));
    uniform bin = uniform_right(uniform_add(ratio, uniform_of(32)), 6);
    o->ratio = uniform_value(ratio);
    o->bin = uniform_value(uniform_clamp(bin, 7));
}

/* |error| <= 1023 and |scaled| <= 2047: the product is below 2^21, a shared weight moves by 2^12 at most. Where all
 * neighbours are zero, nothing moves. */
static inline void learn_prediction(wcz_mixing_model *model, const walk *at, const outlook *o, int kind, int32_t clipped) {
    uniform actual = uniform_clamp(uniform_scaled(o->by, uniform_of(clipped)), 1023);
    uniform error = uniform_clamp(uniform_subtract(actual, o->prediction), 1023);
    int32_t *own = model->place_taps[at->place % WCZ_MIXING_PLACES];
    lanes_step(own, &o->scaled, error, 12);
    hold_four(own, MAX_TAP_WEIGHT);
    hold_four(own + 4, MAX_TAP_WEIGHT);
    lanes_step(model->shared_taps[kind], &o->scaled, error, 9);
}

#endif
