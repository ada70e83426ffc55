/* The walk of the mixing coder over an array (coders.md, mixing): symbol after symbol, and what is learned from each.
 *
 * A template: whoever includes it has defined the type `sink` and, for it,
 *     uint32_t sink_bit(sink *, uint32_t chance_of_one, uint32_t bit)      codes a bit; returns it
 *     uint32_t sink_branch(sink *, uint32_t chance_of_one, uint32_t bit)   the same where the caller branches on the bit
 *     int sink_next(sink *)                                              a symbol is done; whether to stop
 *     SYMBOLS                                                            const int32_t or int32_t
 *     SYMBOL_AT(symbols, i), STORE_SYMBOL(symbols, i, value)             the next symbol, if known; keep it, if not
 * so that encoder, decoder and cost meter are one model. A decoder passes bits and symbols that mean nothing.
 */
#include "mixing_symbol.h"

/* -- what a symbol teaches ------------------------------------------------------------------------------------------- */

/* Towards `magnitude` << 12 with the rate of a counter that has seen `count`, at most 1000. */
static inline uint32_t moved(const wcz_mixing_model *model, uint32_t mean, uint32_t magnitude, size_t count) {
    int64_t distance = (int64_t)(magnitude << 12) - (int64_t)mean;
    return (uint32_t)((int64_t)mean + ((distance * rate_at(model, (uint32_t)(count < 1000 ? count : 1000))) >> 16));
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
static inline void hold_weights(wcz_mixing_model *model, int kind) {
    for (int mixer = 0; mixer <= SIGN_MIXER; mixer++) {
        hold_four(model->mixers[mixer], MAX_WEIGHT);
    }
    for (int i = 0; i < 8; i += 4) {
        hold_four(model->scale_weights + i, MAX_SCALE_WEIGHT);
        hold_four(model->shared_taps[kind] + i, MAX_TAP_WEIGHT);
    }
    model->scale_bias = clamp(model->scale_bias, -MAX_SCALE_WEIGHT, MAX_SCALE_WEIGHT);
}

static inline void learn_symbol(wcz_mixing_model *model, walk *at, const outlook *o, int kind, int32_t value) {
    int32_t clipped = clamp(value, -LINE_LIMIT, LINE_LIMIT);
    int32_t magnitude = clipped < 0 ? -clipped : clipped;
    magnitude = magnitude < CLIPPED ? magnitude : CLIPPED;
    learn_prediction(model, at, o, kind, clipped);
    learn_scale(model, o, (uint32_t)magnitude);
    learn_means(model, at, (uint32_t)magnitude);
    at->lines[0][at->column] = (int16_t)clipped;
    if (at->seen % 16 == 0) {
        hold_weights(model, kind);
    }
}

/* -- the walk -------------------------------------------------------------------------------------------------------- */

/* Past a symbol within a row. */
static inline void next_place(walk *at) {
    at->column++;
    if (++at->place == at->kernel) {
        at->place = 0;
        at->channel++;
    }
}

static inline void start_row(walk *at) {
    take_mean(at);
    at->row_mean = at->recent = at->less_recent = at->mean;
    at->column = at->channel = at->place = 0;
    for (int i = 0; i < TAPS; i++) {
        at->taps[i] = at->lines[at->neighbours[i].line] + at->offsets[i];
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

static inline void start_walk(wcz_mixing_model *model, walk *at, const wcz_view *view, void *scratch) {
    walk start = {0};
    *at = start;
    at->kernel = (size_t)(view->kernel_rows * view->kernel_columns);
    at->width = (size_t)view->channels * at->kernel;
    at->columns = (uint32_t *)scratch;
    at->channels = at->columns + at->width;
    int16_t *lines = (int16_t *)(at->channels + view->channels);
    size_t length = line_length(at->width, at->kernel);
    for (size_t i = 0; i < 3 * length; i++) {
        lines[i] = 0;
    }
    at->inside = (uint8_t *)(lines + 3 * length);
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
    find_neighbours(at, &o);
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
static inline size_t scratch_size(const wcz_view *view) {
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
    return (size_t)(4 * (width + view->channels) + 6 * line_length((size_t)width, (size_t)kernel) + kernel);
}

/* `scratch` has scratch_size(view) bytes and an alignment of four; the view has `count` elements. */
static inline wcz_status code_array(wcz_mixing_model *model, sink *to, const wcz_view *view, void *scratch,
                                    SYMBOLS *symbols, size_t count) {
    walk at;
    const int kind = view->kernel_rows * view->kernel_columns == 1 ? 0 : view->kernel_rows == 1 ? 1 : 2;
    if (count == 0) {
        return WCZ_OK;
    }
    start_walk(model, &at, view, scratch);
    hold_weights(model, kind);
    choose_taps(&at, kind, (size_t)view->kernel_columns);
    for (; at.row < view->rows; symbols += at.width, end_row(&at)) {
        start_row(&at);
        while (at.column < at.width) {
            int32_t value;
            code_next(model, to, &at, kind, symbols, &value);
            if (value == INT32_MIN) {
                return WCZ_CORRUPT;
            }
            if (sink_next(to)) {
                return WCZ_TRUNCATED;
            }
        }
    }
    return WCZ_OK;
}
