/* The walk of the mixing coder over an array (coders.md, mixing): what is known about the next symbol, and its code.
 *
 * A template: whoever includes it has defined the type `sink` and, for it,
 *     uint32_t sink_bit(sink *, uint32_t chance_of_one, uint32_t bit)      codes a bit; returns it
 *     int sink_full(const sink *)                                        whether to stop
 *     SYMBOLS                                                            const int32_t or int32_t
 *     SYMBOL_AT(symbols, i), STORE_SYMBOL(symbols, i, value)             the next symbol, if known; keep it, if not
 * so that encoder, decoder and cost meter are one model. A decoder passes bits and symbols that mean nothing.
 */
#include "mixing_model.h"

typedef struct {
    int line;              /* how many rows above */
    ptrdiff_t column;      /* offset */
    int needs;             /* what must be in the same kernel */
} tap;

typedef struct {
    size_t width, kernel, kernel_columns;
    uint32_t *columns;                /* running mean magnitude of each column and channel, in 2^-12, below 2^23 + 1 */
    uint32_t *channels;
    int16_t *lines[3];                /* this row, the row above and the one above that, clipped; zeros around them */
    tap offsets[TAPS];
    const int16_t *taps[TAPS];        /* where the neighbours of column 0 are */
    int32_t masks[16][TAPS];          /* 0 where a neighbour is in another kernel: by place in the kernel */
    uint64_t sum, seen;               /* of magnitudes in 2^-12 */
    uint32_t mean;                    /* of the array, in 2^-12 */
    int32_t log_mean;
    uint32_t row_mean, recent, less_recent;
    int32_t left, left2;              /* the two symbols before, clipped; 0 at the start of a row */
    size_t row, column, channel, place;    /* place: in the kernel */
    size_t x, y;                      /* of the place */
} walk;

#define CLIPPED 2047                  /* magnitudes count as at most this in all means */
#define LINE_LIMIT 16383

/* What is known before a symbol is coded. */
typedef struct {
    int32_t features[FEATURES];       /* |.| < 6400 */
    int32_t scale;                    /* log2 of the expected magnitude in 2^-12, in 1/256: 0 .. 6143 */
    int32_t neighbours[TAPS];         /* clipped symbols */
    int32_t scaled[TAPS];             /* the same in units of 2^floor(scale) / 256: |.| <= 2047 */
    int32_t shift;                    /* what scales them: left where positive */
    int32_t prediction;               /* in the same unit, |.| <= 2047 */
    int32_t ratio;                    /* prediction / 2^scale in 1/256: |.| <= 2047 */
    int32_t bin;                      /* of the ratio, -7 .. 7 */
    int32_t any;                      /* whether a neighbour is not zero */
} outlook;

/* -- neighbours ------------------------------------------------------------------------------------------------------ */

enum { NEEDS_LEFT = 1, NEEDS_LEFT2 = 2, NEEDS_RIGHT = 4, NEEDS_ABOVE = 8 };    /* in the same kernel */

/* By kind of kernel: none, one row, several rows. Offsets stay within the margins of a line: 2 * kernel + 4 to the left,
 * 1 to the right. In the line itself they point at known symbols, or NEEDS_RIGHT hides what is there. */
static inline void choose_taps(walk *at, int kind) {
    const ptrdiff_t k = (ptrdiff_t)at->kernel, w = (ptrdiff_t)at->kernel_columns;
    const tap taps[3][TAPS] = {
        {{0, -1, 0}, {1, 0, 0}, {0, -2, 0}, {1, -1, 0}, {1, 1, 0}, {2, 0, 0}, {0, -3, 0}, {2, -1, 0}},
        {{0, -1, NEEDS_LEFT}, {0, -k, 0}, {0, 1 - k, NEEDS_RIGHT}, {1, 0, 0},
         {0, -2, NEEDS_LEFT2}, {0, -2 * k, 0}, {2, 0, 0}, {0, -k - 1, NEEDS_LEFT}},
        {{0, -1, NEEDS_LEFT}, {0, -w, NEEDS_ABOVE}, {0, -k, 0}, {1, 0, 0},
         {0, -w - 1, NEEDS_LEFT | NEEDS_ABOVE}, {0, 1 - w, NEEDS_RIGHT | NEEDS_ABOVE}, {0, -2 * k, 0}, {2, 0, 0}},
    };
    for (int i = 0; i < TAPS; i++) {
        at->offsets[i] = taps[kind][i];
        for (int inside = 0; inside < 16; inside++) {
            at->masks[inside][i] = (taps[kind][i].needs & ~inside) ? 0 : -1;
        }
    }
}

static inline unsigned kernel_case(const walk *at) {
    return (unsigned)((at->x >= 1 ? NEEDS_LEFT : 0) | (at->x >= 2 ? NEEDS_LEFT2 : 0)
                      | (at->x + 1 < at->kernel_columns ? NEEDS_RIGHT : 0) | (at->y >= 1 ? NEEDS_ABOVE : 0));
}

/* -- scale: an online regression of log2 of the magnitude ------------------------------------------------------------ */

static inline int32_t log_ratio(const walk *at, uint32_t x) {
    return log2_fixed(x) - at->log_mean;
}

/* Each mean is below 2^23 + 1 and what smooths it below 2^22 + 5: log2_fixed takes the sum. */
static inline void find_features(const walk *at, outlook *o) {
    uint32_t half = at->mean >> 1, sixteenth = at->mean >> 4;
    int32_t previous = at->lines[0][(ptrdiff_t)at->column - (ptrdiff_t)at->kernel];
    previous = previous < 0 ? -previous : previous;
    o->features[0] = log_ratio(at, at->row_mean + 4 + (at->mean >> 5));
    o->features[1] = at->row ? log_ratio(at, at->columns[at->column] + 4 + sixteenth) : 0;
    o->features[2] = at->row | at->place ? log_ratio(at, at->channels[at->channel] + 4 + sixteenth) : 0;
    o->features[3] = log_ratio(at, at->recent + 4 + half);
    o->features[4] = log_ratio(at, at->less_recent + 4 + (at->mean >> 3));
    o->features[5] = log_ratio(at, ((uint32_t)clamp(previous, 0, CLIPPED) << 12) + 4 + at->mean);
}

/* |feature| < 6400 and |weight| < 2^23 (see hold_weights), so six products with weight >> 8 and the bias are below
 * 6 * 6400 * 2^15 + 2^23 < 2^31. */
static inline void find_scale(const wcz_mixing_model *model, const walk *at, outlook *o) {
    int32_t sum = model->scale_bias;
    for (int i = 0; i < FEATURES; i++) {
        sum += o->features[i] * (model->scale_weights[i] >> 8);
    }
    o->scale = clamp(at->log_mean + clamp(sum >> 12, -1023, 1023), 0, 6143);
}

/* The error of the scale relative to 1 + scale is within -512 .. 2047; the product with a feature is below 2^24,
 * so that a weight moves by less than 2^18. */
static inline void learn_scale(wcz_mixing_model *model, const outlook *o, uint32_t magnitude) {
    int32_t expected = exp2_fixed(o->scale);
    unsigned unit = wcz_log2((uint32_t)expected + 4096);
    int32_t error = ((int32_t)(magnitude << 12) - expected) >> (unit - 8);
    error = error < 2047 ? error : 2047;
    for (int i = 0; i < FEATURES; i++) {
        model->scale_weights[i] += (o->features[i] * error + 32) >> 6;
    }
    model->scale_bias += 2 * error;
}

/* -- signed prediction: sign and size from the neighbours by least mean squares -------------------------------------- */

static inline int32_t scaled(const outlook *o, int32_t value) {
    if (o->shift >= 0) {
        int32_t most = 2047 >> o->shift;
        return clamp(value, -most, most) * (1 << o->shift);
    }
    return clamp(value >> -o->shift, -2047, 2047);
}

/* |weights| < 2^20 together (see hold_weights), >> 4 makes 2^16; eight products with 2047 are below 2^30. Where no
 * neighbour is known or all are zero, the prediction is zero and there is nothing to learn. */
static inline void predict(const wcz_mixing_model *model, const walk *at, outlook *o, int kind) {
    const int32_t *mask = at->masks[kernel_case(at)], *shared = model->shared_taps[kind];
    const int32_t *own = model->place_taps[at->place % WCZ_MIXING_PLACES];
    int32_t sum = 0, shift = 20 - (o->scale >> 8);
    o->shift = shift < 10 ? shift : 10;
    o->any = o->prediction = o->ratio = o->bin = 0;
    for (int i = 0; i < TAPS; i++) {
        o->neighbours[i] = at->taps[i][at->column] & mask[i];
        o->any |= o->neighbours[i];
        o->scaled[i] = 0;
    }
    if (!o->any) {
        return;
    }
    for (int i = 0; i < TAPS; i++) {
        o->scaled[i] = scaled(o, o->neighbours[i]);
        sum += ((own[i] + shared[i]) >> 4) * o->scaled[i];
    }
    o->prediction = clamp(sum >> 12, -2047, 2047);
    o->ratio = (o->prediction * PREDICTION_UNITS[o->scale >> 4 & 15]) >> 8;
    o->bin = clamp((o->ratio + 32) >> 6, -7, 7);
}

/* |error| <= 1023 and |scaled| <= 2047: the product is below 2^21, a shared weight moves by 2^12 at most. */
static inline void learn_prediction(wcz_mixing_model *model, const walk *at, const outlook *o, int kind,
                                    int32_t value) {
    int32_t *shared = model->shared_taps[kind], *own = model->place_taps[at->place % WCZ_MIXING_PLACES];
    int32_t actual = clamp(scaled(o, clamp(value, -LINE_LIMIT, LINE_LIMIT)), -1023, 1023);
    int32_t error = clamp(actual - o->prediction, -1023, 1023);
    for (int i = 0; i < TAPS; i++) {
        int32_t gradient = o->scaled[i] * error;
        own[i] = clamp(own[i] + ((gradient + 2048) >> 12), -MAX_TAP_WEIGHT, MAX_TAP_WEIGHT);
        shared[i] += (gradient + 256) >> 9;
    }
}

/* -- decisions ------------------------------------------------------------------------------------------------------- */

static inline uint32_t code_mixed(wcz_mixing_model *model, sink *to, uint32_t *const counters[3], int count,
                                  int32_t last_input, unsigned mixer, uint32_t bit) {
    mixture m = {{0, 0, 0, last_input}, model->mixers[mixer], 0};
    for (int i = 0; i < count; i++) {
        m.inputs[i] = evidence(model, *counters[i]);
    }
    mix(model, &m);
    bit = sink_bit(to, m.chance, bit);
    learn_mixture(model, &m, mixer, bit);
    for (int i = 0; i < count; i++) {
        learn(model, counters[i], bit, MAX_COUNT);
    }
    return bit;
}

static inline uint32_t code_plain(const wcz_mixing_model *model, sink *to, uint32_t *counter, uint32_t bit) {
    uint32_t chance = *counter >> 16;
    chance = chance < 32 ? 32 : chance > 65504 ? 65504 : chance;
    bit = sink_bit(to, chance, bit);
    learn(model, counter, bit, 255);
    return bit;
}

/* `count` <= 31 even bits of `value`, the highest first. */
static inline uint32_t code_even(sink *to, int count, uint32_t value) {
    uint32_t result = 0;
    while (count-- > 0) {
        result = result << 1 | sink_bit(to, WCZ_EVEN_CHANCE, value >> count & 1);
    }
    return result;
}

/* Exponential Golomb of order 2: sizes 2 .. 31, then that many bits, the highest with a counter. 0 <= value < 2^32 - 4. */
static inline uint64_t code_escape(wcz_mixing_model *model, sink *to, uint32_t value) {
    int size = 2, actual = (int)wcz_log2(value + 4);
    while (size < 31 && code_plain(model, to, &model->escape_sizes[size], size < actual)) {
        size++;
    }
    uint32_t low = value + 4 - ((uint32_t)1 << size);
    uint32_t top = code_plain(model, to, &model->escape_tops[size], low >> (size - 1) & 1);
    uint32_t rest = code_even(to, size - 1, low & (((uint32_t)1 << (size - 1)) - 1));
    return ((uint64_t)1 << size) + ((uint64_t)top << (size - 1)) + rest - 4;
}

/* Magnitude to context: rounded to units of 2^shift, at most `most`. */
static inline int32_t coarse(int32_t value, int32_t shift, int32_t most) {
    int32_t magnitude = (value < 0 ? -value : value) + ((1 << shift) >> 1);
    magnitude >>= shift;
    return magnitude < most ? magnitude : most;
}

static inline void choose_counters(wcz_mixing_model *model, const walk *at, const outlook *o, uint32_t *counters[3]) {
    int32_t bin = clamp((o->scale - 1280) >> 7, 0, 25), unit = clamp((o->scale - 3200) >> 8, 0, 6);
    const int32_t *n = o->neighbours;
    int32_t around = coarse(n[3], unit, 2) * 27 + coarse(n[2], unit, 2) * 9 + coarse(n[0], unit, 2) * 3
                     + coarse(n[1], unit, 2);
    counters[0] = model->counters[bin * 12 + coarse(at->left, unit, 3) * 3 + coarse(at->left2, unit, 2)];
    counters[1] = model->counters[LEFT_CONTEXTS + bin * 15];
    counters[2] = model->counters[LEFT_CONTEXTS + PREDICTION_CONTEXTS + around];
}

static inline uint32_t code_negative(wcz_mixing_model *model, sink *to, const walk *at, const outlook *o,
                                     uint32_t negative) {
    const int32_t *n = o->neighbours;
    size_t place = at->place < 31 ? at->place : 31;
    uint32_t *counters[3] = {&model->sign_pairs[place][sign_case(n[0]) * 3 + sign_case(n[1])],
                             &model->sign_predictions[(o->bin + 7) * 3 + sign_case(n[2])], 0};
    return code_mixed(model, to, counters, 2, -2 * o->ratio, SIGN_MIXER, negative);
}

/* Magnitude less one, known to be below 2^31 - 1 in the encoder: the part above the noise in unary, the rest nearly even. */
static inline uint64_t code_excess(wcz_mixing_model *model, sink *to, const outlook *o, uint32_t *const counters[3],
                                   int32_t fraction, uint32_t excess) {
    int32_t shift = (o->scale >> 8) - 13;
    shift = shift > 0 ? shift : 0;
    uint32_t high = excess >> shift, node = 1;
    for (; node < NODES; node++) {
        uint32_t *const at_node[3] = {counters[0] + node, counters[1] + node, counters[2] + node};
        if (!code_mixed(model, to, at_node, 3, fraction, node, high >= node)) {
            break;
        }
    }
    uint64_t result = node - 1;
    if (node == NODES) {
        result += code_escape(model, to, high - (NODES - 1));
    }
    if (shift > 0) {
        uint32_t *top = &model->low_bits[shift][node < 4 ? node - 1 : 3];
        result = result << 1 | code_plain(model, to, top, excess >> (shift - 1) & 1);
        result = result << (shift - 1) | code_even(to, shift - 1, excess & ((1u << (shift - 1)) - 1));
    }
    return result;
}

/* The symbol; INT32_MIN where a payload holds one that no encoder writes. */
static inline int32_t code_symbol(wcz_mixing_model *model, sink *to, const walk *at, const outlook *o, int32_t value) {
    uint32_t *counters[3], magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    int32_t fraction = ((o->scale - 1280) & 127) * 4 - 256;
    choose_counters(model, at, o, counters);
    int32_t strength = o->bin < 0 ? -o->bin : o->bin;
    uint32_t *unsigned_prediction = counters[1];
    counters[1] += 16 * strength;
    if (!code_mixed(model, to, counters, 3, fraction, 0, value != 0)) {
        return 0;
    }
    uint32_t negative = code_negative(model, to, at, o, value < 0);
    if (strength && negative != (uint32_t)(o->bin < 0)) {
        counters[1] = unsigned_prediction + 16 * (7 + strength);
    }
    uint64_t excess = code_excess(model, to, o, counters, fraction, magnitude - 1);
    if (excess >= INT32_MAX) {
        return INT32_MIN;
    }
    return negative ? -1 - (int32_t)excess : 1 + (int32_t)excess;
}

/* -- the walk -------------------------------------------------------------------------------------------------------- */

/* Towards `magnitude` << 12 with the rate of a counter that has seen `count`, at most 1000. */
static inline uint32_t moved(const wcz_mixing_model *model, uint32_t mean, uint32_t magnitude, size_t count) {
    int64_t distance = (int64_t)(magnitude << 12) - (int64_t)mean;
    return (uint32_t)((int64_t)mean + ((distance * model->rates[count < 1000 ? count : 1000]) >> 16));
}

/* The mean of the array so far; eight thousandths of a symbol, two of them, stand in for the ones to come. */
static inline void take_mean(walk *at) {
    at->mean = (uint32_t)((at->sum + 8192) / (at->seen + 4));
    at->log_mean = log2_fixed(at->mean + 4);
}

static inline void learn_means(const wcz_mixing_model *model, walk *at, uint32_t magnitude) {
    uint32_t column = at->row ? at->columns[at->column] : at->mean;
    uint32_t channel = at->row | at->place ? at->channels[at->channel] : at->mean;
    size_t rows = at->row < 1000 ? at->row : 1000;
    at->columns[at->column] = moved(model, column, magnitude, 3 + rows);
    at->channels[at->channel] = moved(model, channel, magnitude, 3 + rows * at->kernel + at->place);
    at->row_mean = moved(model, at->row_mean, magnitude, 3 + at->column);
    at->recent += (uint32_t)(((int32_t)(magnitude << 12) - (int32_t)at->recent) >> 2);
    at->less_recent += (uint32_t)(((int32_t)(magnitude << 12) - (int32_t)at->less_recent) >> 4);
    at->sum += (uint64_t)magnitude << 12;
    at->seen++;
    if (at->seen < 32 || (at->seen < 1024 && at->seen % 16 == 0)) {
        take_mean(at);
    }
}

/* Every sixteenth symbol of an array. In between, a mixer is used once a symbol at most and moves by 16 * 6140 (its last
 * weight by 16 * 12280), a weight of the scale by 16 * 2^18, of the prediction by 16 * 2^12. */
static inline void hold(int32_t *weights, int count, int32_t most) {
    for (int i = 0; i < count; i++) {
        weights[i] = clamp(weights[i], -most, most);
    }
}

static inline void hold_weights(wcz_mixing_model *model, int kind) {
    for (int mixer = 0; mixer <= SIGN_MIXER; mixer++) {
        hold(model->mixers[mixer], 4, MAX_WEIGHT);
    }
    hold(model->scale_weights, FEATURES, MAX_SCALE_WEIGHT);
    hold(&model->scale_bias, 1, MAX_SCALE_WEIGHT);
    hold(model->shared_taps[kind], TAPS, MAX_TAP_WEIGHT);
}

static inline void learn_symbol(wcz_mixing_model *model, walk *at, const outlook *o, int kind, int32_t value) {
    int32_t clipped = clamp(value, -LINE_LIMIT, LINE_LIMIT);
    int32_t magnitude = clipped < 0 ? -clipped : clipped;
    magnitude = magnitude < CLIPPED ? magnitude : CLIPPED;
    if (o->any) {
        learn_prediction(model, at, o, kind, clipped);
    }
    learn_scale(model, o, (uint32_t)magnitude);
    learn_means(model, at, (uint32_t)magnitude);
    at->lines[0][at->column] = (int16_t)clipped;
    at->left2 = at->left;
    at->left = clipped;
    if (at->seen % 16 == 0) {
        hold_weights(model, kind);
    }
}

/* Past a symbol within a row. */
static inline void next_place(walk *at) {
    at->column++;
    at->x++;
    if (++at->place == at->kernel) {
        at->place = at->x = at->y = 0;
        at->channel++;
    } else if (at->x == at->kernel_columns) {
        at->x = 0;
        at->y++;
    }
}

static inline void start_row(walk *at) {
    take_mean(at);
    at->row_mean = at->recent = at->less_recent = at->mean;
    at->left = at->left2 = 0;
    at->column = at->channel = at->place = at->x = at->y = 0;
    for (int i = 0; i < TAPS; i++) {
        at->taps[i] = at->lines[at->offsets[i].line] + at->offsets[i].column;
    }
}

/* The oldest line becomes the next row's: only columns behind the current one are read in it, and its margins. */
static inline void end_row(walk *at) {
    int16_t *oldest = at->lines[2];
    at->lines[2] = at->lines[1];
    at->lines[1] = at->lines[0];
    at->lines[0] = oldest;
    at->row++;
}

static inline size_t line_length(size_t width, size_t kernel) {
    return width + 2 * kernel + 5;
}

static inline void start_walk(wcz_mixing_model *model, walk *at, const wcz_mixing_view *view, void *scratch) {
    walk start = {0};
    *at = start;
    at->kernel_columns = (size_t)view->kernel_columns;
    at->kernel = (size_t)view->kernel_rows * at->kernel_columns;
    at->width = (size_t)view->channels * at->kernel;
    at->columns = (uint32_t *)scratch;
    at->channels = at->columns + at->width;
    int16_t *lines = (int16_t *)(at->channels + view->channels);
    size_t length = line_length(at->width, at->kernel);
    for (size_t i = 0; i < 3 * length; i++) {
        lines[i] = 0;
    }
    for (size_t i = 0; i < 3; i++) {
        at->lines[i] = lines + i * length + 2 * at->kernel + 4;
    }
    for (size_t i = 0; i < WCZ_MIXING_PLACES && i < at->kernel; i++) {
        for (int j = 0; j < TAPS; j++) {
            model->place_taps[i][j] = 0;
        }
    }
}

static inline void code_next(wcz_mixing_model *model, sink *to, walk *at, int kind, SYMBOLS *symbols, int32_t *value) {
    outlook o;
    find_features(at, &o);
    find_scale(model, at, &o);
    predict(model, at, &o, kind);
    *value = code_symbol(model, to, at, &o, SYMBOL_AT(symbols, at->column));
    STORE_SYMBOL(symbols, at->column, *value);
    if (*value != INT32_MIN) {
        learn_symbol(model, at, &o, kind, *value);
        next_place(at);
    }
}

/* Bytes of scratch for one array; 0 where they would not fit size_t. */
static inline size_t scratch_size(const wcz_mixing_view *view) {
    const uint64_t most = SIZE_MAX / 64;
    uint64_t kernel = view->kernel_rows, width;
    if (view->kernel_columns && kernel > most / view->kernel_columns) {
        return 0;
    }
    kernel *= view->kernel_columns;
    if (kernel && view->channels > most / kernel) {
        return 0;
    }
    width = view->channels * kernel;
    return (size_t)(4 * (width + view->channels) + 6 * line_length((size_t)width, (size_t)kernel));
}

/* `scratch` has scratch_size(view) bytes and an alignment of four; the view has `count` elements. */
static inline wcz_status code_array(wcz_mixing_model *model, sink *to, const wcz_mixing_view *view, void *scratch,
                                    SYMBOLS *symbols, size_t count) {
    walk at;
    const int kind = view->kernel_rows * view->kernel_columns == 1 ? 0 : view->kernel_rows == 1 ? 1 : 2;
    if (count == 0) {
        return WCZ_OK;
    }
    start_walk(model, &at, view, scratch);
    hold_weights(model, kind);
    choose_taps(&at, kind);
    for (; at.row < view->rows; symbols += at.width, end_row(&at)) {
        start_row(&at);
        while (at.column < at.width) {
            int32_t value;
            code_next(model, to, &at, kind, symbols, &value);
            if (value == INT32_MIN) {
                return WCZ_CORRUPT;
            }
            if (sink_full(to)) {
                return WCZ_TRUNCATED;
            }
        }
    }
    return WCZ_OK;
}
