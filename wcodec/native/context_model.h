/* The model of the context coder (coders.md, context): which probabilities a symbol is coded with, and how they adapt.
 * Integers only. Encoder and decoder walk an array with the same functions. Internal to the kernel.
 */
#ifndef WCZ_CONTEXT_MODEL_H
#define WCZ_CONTEXT_MODEL_H

#include "bits.h"
#include "context_prior.h"
#include "range_coder.h"

enum {
    MAX_CLIPPED = 31,          /* magnitudes beyond count as this one in the neighbourhood */
    MEAN_UNIT = 1024,          /* fixed point of the running means; they stay below 32 * MEAN_UNIT = 2^15 */
    MEAN_MEMORY = 32,          /* a running mean forgets 1/32 a step */
    LEVELS = 28,               /* of the expected magnitude */
    PATTERNS = 81,             /* four neighbours, three cases each; two running means, nine octaves each */
    FLAGS = 6,                 /* "magnitude above 1", ..., "above 6"; the rest is an escape */
    ESCAPE_BITS = 30,
    /* places in a context set */
    NON_ZERO = 0,
    NON_ZERO_PATTERN = NON_ZERO + LEVELS,
    NON_ZERO_MEANS = NON_ZERO_PATTERN + PATTERNS,
    NEGATIVE = NON_ZERO_MEANS + PATTERNS,
    NEGATIVE_PATTERN = NEGATIVE + 9,
    ABOVE = NEGATIVE_PATTERN + PATTERNS,
    ESCAPE = ABOVE + LEVELS * FLAGS
};

/* -- adaptive probabilities ------------------------------------------------------------------------------------------
 * A context is one word: the probability of a one in 22 bits, above the number of symbols seen in 10 bits. */

#define COUNT_BITS 10
#define PROBABILITY_MASK 0x3FFFFFu

static inline void start_contexts(uint32_t contexts[WCZ_CONTEXT_SETS][WCZ_CONTEXTS]) {
    for (unsigned set = 0; set < WCZ_CONTEXT_SETS; set++) {
        for (unsigned i = 0; i < WCZ_CONTEXTS; i++) {
            contexts[set][i] = (uint32_t)CONTEXT_PRIOR[set][i] << 24 | PRIOR_COUNT;
        }
    }
}

static inline uint32_t probability(uint32_t context) {
    return context >> COUNT_BITS;
}

/* A probability in 22 bits as the range coder wants it. */
static inline uint32_t chance(uint32_t p) {
    p >>= 6;
    return p < WCZ_LEAST_CHANCE ? WCZ_LEAST_CHANCE : p > 65536u - WCZ_LEAST_CHANCE ? 65536u - WCZ_LEAST_CHANCE : p;
}

/* The probability of what did not happen shrinks by about 1 / (count + 1.6). `bit` is 0 or 1. The product fits: the
 * probability has 22 bits, the rate 10. */
static inline uint32_t adapted(uint32_t context, uint32_t bit) {
    uint32_t count = context & ((1u << COUNT_BITS) - 1);
    uint32_t flip = (0u - bit) & PROBABILITY_MASK;
    uint32_t other = probability(context) ^ flip;
    other -= (other * ADAPTATION_RATE[count - PRIOR_COUNT]) >> 10;
    return (other ^ flip) << COUNT_BITS | (count + (count < MAX_COUNT));
}

/* -- the walk over an array ------------------------------------------------------------------------------------------ */

typedef struct {
    const int32_t *values;
    uint16_t *columns;         /* running mean of the magnitudes in each column, rows above only */
    size_t index;              /* of the element to code; all before it are known */
    size_t width;              /* elements of a row */
    size_t kernel;             /* elements of a kernel */
    size_t kernel_columns;
    size_t column;             /* 0 .. width - 1 */
    size_t x;                  /* 0 .. kernel_columns - 1 */
    size_t position;           /* in the kernel: 0 .. kernel - 1 */
    uint32_t previous;         /* clipped magnitude of the element before in this row, 0 at its start */
    uint32_t before_previous;
    uint32_t mean;             /* running mean of the magnitudes in scan order */
} walk;

/* The contexts of one symbol, as places in the set. */
typedef struct {
    uint32_t level;
    uint32_t magnitudes;       /* pattern of the four neighbours' magnitudes */
    uint32_t means;            /* octaves of the two running means */
    uint32_t signs;            /* pattern of the neighbours' signs */
    uint32_t column_mean;      /* running mean of the magnitudes above */
} neighbourhood;

static inline uint32_t magnitude_of(int32_t value) {
    return value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
}

static inline uint32_t clipped(uint32_t magnitude) {
    return magnitude < MAX_CLIPPED ? magnitude : (uint32_t)MAX_CLIPPED;
}

/* 0, 1 or 2 for a magnitude of 0, 1, more; and for a negative, zero, positive value. */
static inline uint32_t magnitude_case(int32_t value) {
    return (uint32_t)(value != 0) + (uint32_t)(value > 1) + (uint32_t)(value < -1);
}

static inline uint32_t sign_case(int32_t value) {
    return 1u + (uint32_t)(value > 0) - (uint32_t)(value < 0);
}

/* Octave of a running mean: 0 below 1/128 of a step, 8 from one step on. */
static inline uint32_t octave_of(uint32_t mean) {
    uint32_t octave = wcz_log2(mean + 1);
    return octave < 2 ? 0 : octave < 10 ? octave - 2 : 8;
}

/* floor(log2((m + 1)^2)), two levels an octave. m < 16 * 11 * 31 + 6 * 32 * 1024 / 16 < 2^15. */
static inline uint32_t level_of(uint32_t m) {
    uint32_t level = wcz_log2((m + 1) * (m + 1));
    return level < LEVELS ? level : LEVELS - 1;
}

static inline wcz_status start_walk(walk *at, const wcz_view *view, uint16_t *columns, size_t column_count,
                                    const int32_t *values, size_t count) {
    uint64_t sizes[4] = {view->rows, view->channels, view->kernel_rows, view->kernel_columns};
    uint64_t product = 1;
    for (int i = 0; i < 4; i++) {
        if (sizes[i] && product > UINT64_MAX / 4 / sizes[i]) {
            return WCZ_ARGUMENT;
        }
        product *= sizes[i];
    }
    if (product != count || view->context_set >= WCZ_CONTEXT_SETS || column_count < wcz_context_columns(view)) {
        return WCZ_ARGUMENT;
    }
    at->values = values;
    at->columns = columns;
    at->index = at->column = at->x = at->position = 0;
    at->kernel_columns = (size_t)view->kernel_columns;
    at->kernel = (size_t)(view->kernel_rows * view->kernel_columns);
    at->width = at->kernel * (size_t)view->channels;
    at->previous = at->before_previous = at->mean = 0;
    return WCZ_OK;
}

/* The column's running mean. In the first row it goes on from the same place in the kernel before. */
static inline uint32_t column_mean(const walk *at) {
    size_t column = at->column % WCZ_MAX_COLUMNS;
    if (at->index >= at->width) {
        return at->columns[column];
    }
    return at->column >= at->kernel ? at->columns[(at->column - at->kernel) % WCZ_MAX_COLUMNS] : at->mean;
}

static inline neighbourhood neighbours(const walk *at) {
    const int32_t *here = at->values + at->index;
    int32_t above = at->index >= at->width ? *(here - at->width) : 0;
    int32_t in_kernel_above = 0, four[4];
    if (at->kernel == 1) {
        four[0] = at->column ? here[-1] : 0;
        four[1] = above;
        four[2] = at->column > 1 ? here[-2] : 0;
        four[3] = at->index >= at->width && at->column ? *(here - at->width - 1) : 0;
    } else {
        in_kernel_above = at->position >= at->kernel_columns ? *(here - at->kernel_columns) : 0;
        four[0] = at->x ? here[-1] : 0;
        four[1] = in_kernel_above;
        four[2] = at->column >= at->kernel ? *(here - at->kernel) : 0;
        four[3] = above;
    }
    neighbourhood around = {0, 0, 0, 0, column_mean(at)};
    uint32_t near = 6 * at->previous + 2 * at->before_previous + 3 * clipped(magnitude_of(in_kernel_above));
    around.level = level_of(16 * near + 3 * (at->mean + around.column_mean) / 16);
    around.means = 9 * octave_of(at->mean) + octave_of(around.column_mean);
    for (int i = 0; i < 4; i++) {
        around.magnitudes = 3 * around.magnitudes + magnitude_case(four[i]);
        around.signs = 3 * around.signs + sign_case(four[i]);
    }
    return around;
}

static inline uint32_t advanced(uint32_t mean, uint32_t clip) {
    return mean - mean / MEAN_MEMORY + clip * (MEAN_UNIT / MEAN_MEMORY);
}

/* Past one element of this magnitude. */
static inline void step(walk *at, uint32_t magnitude, uint32_t mean) {
    uint32_t clip = clipped(magnitude);
    at->columns[at->column % WCZ_MAX_COLUMNS] = (uint16_t)advanced(mean, clip);
    at->mean = advanced(at->mean, clip);
    at->before_previous = at->previous;
    at->previous = clip;
    at->index++;
    at->column++;
    at->position++;
    if (++at->x == at->kernel_columns) {
        at->x = 0;
        at->position = at->position == at->kernel ? 0 : at->position;
    }
    if (at->column == at->width) {
        at->column = 0;
        at->previous = at->before_previous = 0;
    }
}

/* -- where a symbol's flags look -------------------------------------------------------------------------------------
 * The chance of a one, and the contexts that it came from, which adapt to the outcome. */

static inline uint32_t non_zero_chance(uint32_t *contexts, neighbourhood around, uint32_t **a, uint32_t **b,
                                       uint32_t **c) {
    *a = &contexts[NON_ZERO + around.level];
    *b = &contexts[NON_ZERO_PATTERN + around.magnitudes];
    *c = &contexts[NON_ZERO_MEANS + around.means];
    return chance((3 * probability(**a) + 2 * probability(**b) + 3 * probability(**c)) / 8);
}

static inline uint32_t negative_chance(uint32_t *contexts, neighbourhood around, uint32_t **a, uint32_t **b) {
    *a = &contexts[NEGATIVE + around.signs / 9];
    *b = &contexts[NEGATIVE_PATTERN + around.signs];
    return chance((probability(**a) + probability(**b)) / 2);
}

#endif
