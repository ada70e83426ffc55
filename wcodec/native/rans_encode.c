/* Encoder of the rans coder: the loops over symbols (coders.md, rans). Parameters are chosen by wcodec/coders/rans_plan.py. */
#include "rans_lanes.h"

/* -- adaptive integers ----------------------------------------------------------------------------------------------- */

static void write_adaptive(wcz_range_encoder *out, wcz_bit_model *model, unsigned bit) {
    wcz_range_encode_bit(out, wcz_probability(model), bit);
    wcz_adapt(model, bit);
}

static void write_integer(wcz_range_encoder *out, wcz_integer_model *model, int32_t value, int has_sign) {
    uint32_t magnitude = value < 0 ? (uint32_t)-value : (uint32_t)value;
    unsigned exponent = 0;
    write_adaptive(out, &model->zero, magnitude != 0);
    if (magnitude == 0) {
        return;
    }
    for (; magnitude >> (exponent + 1); exponent++) {
        write_adaptive(out, &model->more[exponent], 1);
    }
    write_adaptive(out, &model->more[exponent], 0);
    for (unsigned i = 0; i < exponent; i++) {
        unsigned bit = magnitude >> (exponent - 1 - i) & 1;
        if (i < 2) {
            write_adaptive(out, &model->mantissa[exponent][i ? 1 + (magnitude >> (exponent - 1) & 1) : 0], bit);
        } else {
            wcz_range_encode_bit(out, WCZ_EVEN_CHANCE, bit);
        }
    }
    if (has_sign) {
        write_adaptive(out, &model->negative, value < 0);
    }
}

wcz_status wcz_adaptive_encode(const uint8_t *models, const int32_t *values, size_t count, uint8_t *out,
                               size_t capacity, size_t *written) {
    wcz_integer_model states[WCZ_RANS_MODELS];
    wcz_range_encoder encoder;
    wcz_range_encode_start(&encoder, out, capacity);
    wcz_reset_models(states, WCZ_RANS_MODELS);
    for (size_t i = 0; i < count; i++) {
        if (models[i] >= WCZ_RANS_MODELS || values[i] == INT32_MIN) {
            return WCZ_ARGUMENT;
        }
        write_integer(&encoder, &states[models[i]], values[i], models[i] >= WCZ_RANS_FIRST_SIGNED);
    }
    return wcz_range_encode_end(&encoder, written);
}

/* -- bands ----------------------------------------------------------------------------------------------------------- */

static size_t band(size_t rows, size_t lanes, size_t lane) {
    return (size_t)((uint64_t)rows * lane / lanes);
}

wcz_status wcz_rans_pack(const int32_t *values, size_t rows, size_t columns, size_t lanes, int8_t *symbols) {
    size_t steps;
    if (lanes == 0 || lanes > WCZ_RANS_LANES || rows < lanes) {
        return WCZ_ARGUMENT;
    }
    steps = (rows + lanes - 1) / lanes;
    for (size_t step = 0; step < steps; step++) {
        for (size_t lane = 0; lane < lanes; lane++) {
            size_t row = band(rows, lanes, lane) + step;
            int8_t *out = symbols + step * columns * lanes + lane;
            int active = row < band(rows, lanes, lane + 1);
            for (size_t column = 0; column < columns; column++) {
                int32_t value = active ? values[row * columns + column] : 0;
                out[column * lanes] = (int8_t)(value < -127 || value > 127 ? RANS_ESCAPE : value);
            }
        }
    }
    return WCZ_OK;
}

static int sign_of(int value) {
    return (value > 0) - (value < 0);
}

static int clamp_class(int32_t value) {
    return value < 0 ? 0 : value > WCZ_RANS_CLASSES - 1 ? WCZ_RANS_CLASSES - 1 : (int)value;
}

/* The symbols of the neighbours of a column's lanes in a step; `none` is a column of zeros. */
static const int8_t *near_column(const int8_t *symbols, const wcz_rans_bands *bands, const int32_t *near, size_t step,
                                 size_t column, const int8_t *none) {
    const int8_t *first = symbols + step * bands->columns * bands->lanes;
    if (near[column] < 0) {
        return none;
    }
    if ((size_t)near[column] == column) {
        return step ? first + column * bands->lanes - bands->columns * bands->lanes : none;
    }
    return first + (size_t)near[column] * bands->lanes;
}

static wcz_status check_bands(const wcz_rans_bands *bands) {
    if (bands->lanes == 0 || bands->lanes > WCZ_RANS_LANES || bands->rows < bands->lanes) {
        return WCZ_ARGUMENT;
    }
    for (size_t column = 0; column < bands->columns; column++) {
        if (bands->near_a[column] > (int64_t)column || bands->near_b[column] > (int64_t)column) {
            return WCZ_ARGUMENT;
        }
    }
    return WCZ_OK;
}

/* Rows of the lanes in a step; RANS_NO_ROW for a band that has ended. */
static void place_rows(const wcz_rans_bands *bands, size_t step, size_t *rows) {
    for (size_t lane = 0; lane < bands->lanes; lane++) {
        size_t row = band(bands->rows, bands->lanes, lane) + step;
        rows[lane] = row < band(bands->rows, bands->lanes, lane + 1) ? row : RANS_NO_ROW;
    }
}

wcz_status wcz_rans_count(const int8_t *symbols, const wcz_rans_bands *bands, uint32_t *counts) {
    const int8_t none[WCZ_RANS_LANES] = {0};
    size_t steps, rows[WCZ_RANS_LANES];
    wcz_status status = check_bands(bands);
    if (status != WCZ_OK) {
        return status;
    }
    for (size_t i = 0; i < WCZ_RANS_CLASSES * 9 * 256; i++) {
        counts[i] = 0;
    }
    steps = (bands->rows + bands->lanes - 1) / bands->lanes;
    for (size_t step = 0; step < steps; step++) {
        const int8_t *now = symbols + step * bands->columns * bands->lanes;
        place_rows(bands, step, rows);
        for (size_t column = 0; column < bands->columns; column++, now += bands->lanes) {
            const int8_t *a = near_column(symbols, bands, bands->near_a, step, column, none);
            const int8_t *b = near_column(symbols, bands, bands->near_b, step, column, none);
            for (size_t lane = 0; lane < bands->lanes; lane++) {
                if (rows[lane] != RANS_NO_ROW) {
                    int class = clamp_class(8 + bands->row_scale[rows[lane]] + bands->column_scale[column]);
                    int context = 3 * sign_of(a[lane]) + sign_of(b[lane]) + 4;
                    counts[(class * 9 + context) * 256 + now[lane] + 128]++;
                }
            }
        }
    }
    return WCZ_OK;
}

/* -- the words, last symbol first ------------------------------------------------------------------------------------ */

typedef struct {
    uint16_t frequency;
    uint16_t start;
} interval;

static void accumulate(const uint16_t *frequencies, interval *intervals) {
    for (size_t table = 0; table < WCZ_RANS_CLASSES * WCZ_RANS_CONTEXTS; table++) {
        uint32_t sum = 0;
        for (size_t s = 0; s < 256; s++, frequencies++, intervals++) {
            intervals->frequency = *frequencies;
            intervals->start = (uint16_t)sum;
            sum += *frequencies;
        }
    }
}

typedef struct {
    uint8_t *data;
    size_t start;               /* grows down */
    uint32_t states[WCZ_RANS_LANES];
} word_stack;

/* x -> (x / f) 2^11 + start + x mod f, after a word has left where the result would not fit. */
static wcz_status push(word_stack *out, size_t lane, interval symbol) {
    uint32_t x = out->states[lane];
    uint32_t f = symbol.frequency;
    if (f == 0) {
        return WCZ_ARGUMENT;
    }
    if (x >> (32 - WCZ_RANS_BITS) >= f) {
        if (out->start < 2) {
            return WCZ_CAPACITY;
        }
        out->data[--out->start] = (uint8_t)(x >> 8);
        out->data[--out->start] = (uint8_t)x;
        x >>= 16;
    }
    out->states[lane] = ((x / f) << WCZ_RANS_BITS) + x % f + symbol.start;
    return WCZ_OK;
}

static wcz_status push_column(word_stack *out, const int8_t *symbols, const wcz_rans_bands *bands,
                              const interval *intervals, size_t step, size_t column, const size_t *rows) {
    const int8_t none[WCZ_RANS_LANES] = {0};
    const int8_t *now = symbols + (step * bands->columns + column) * bands->lanes;
    const int8_t *a = near_column(symbols, bands, bands->near_a, step, column, none);
    const int8_t *b = near_column(symbols, bands, bands->near_b, step, column, none);
    wcz_status status = WCZ_OK;
    for (size_t lane = bands->lanes; lane-- > 0 && status == WCZ_OK;) {
        if (rows[lane] != RANS_NO_ROW) {
            int class = clamp_class(8 + bands->row_scale[rows[lane]] + bands->column_scale[column]);
            int context = 3 * sign_of(a[lane]) + sign_of(b[lane]);
            int symbol = now[lane];
            if (context < 0) {
                context = -context;
                symbol = symbol == RANS_ESCAPE ? symbol : -symbol;
            }
            status = push(out, lane, intervals[(class * WCZ_RANS_CONTEXTS + context) * 256 + symbol + 128]);
        }
    }
    return status;
}

wcz_status wcz_rans_encode(const int8_t *symbols, const wcz_rans_bands *bands, const uint16_t *frequencies,
                           uint8_t *out, size_t capacity, size_t *start) {
    interval intervals[WCZ_RANS_CLASSES * WCZ_RANS_CONTEXTS * 256];
    word_stack stack = {out, capacity, {0}};
    size_t rows[WCZ_RANS_LANES];
    wcz_status status = check_bands(bands);
    accumulate(frequencies, intervals);
    for (size_t lane = 0; lane < bands->lanes && status == WCZ_OK; lane++) {
        stack.states[lane] = RANS_LOW;
    }
    for (size_t step = (bands->rows + bands->lanes - 1) / bands->lanes; step-- > 0 && status == WCZ_OK;) {
        place_rows(bands, step, rows);
        for (size_t column = bands->columns; column-- > 0 && status == WCZ_OK;) {
            status = push_column(&stack, symbols, bands, intervals, step, column, rows);
        }
    }
    if (status != WCZ_OK || stack.start < 4 * bands->lanes) {
        return status != WCZ_OK ? status : WCZ_CAPACITY;
    }
    for (size_t lane = bands->lanes; lane-- > 0;) {
        for (unsigned shift = 32; shift > 0;) {
            shift -= 8;
            out[--stack.start] = (uint8_t)(stack.states[lane] >> shift);
        }
    }
    *start = stack.start;
    return WCZ_OK;
}

/* -- scale exponents ------------------------------------------------------------------------------------------------- */

/* Level of the cheapest way to `level`, ties to the lowest. */
static unsigned best_before(const int64_t *totals, const int32_t *moves, unsigned level) {
    unsigned best = 0;
    for (unsigned from = 1; from < WCZ_RANS_CLASSES; from++) {
        int64_t cost = totals[from] + moves[from > level ? from - level : level - from];
        if (cost < totals[best] + moves[best > level ? best - level : level - best]) {
            best = from;
        }
    }
    return best;
}

wcz_status wcz_rans_smooth(const int32_t *costs, size_t count, const int32_t *moves, uint8_t *back, uint8_t *path) {
    int64_t totals[WCZ_RANS_CLASSES], reached[WCZ_RANS_CLASSES];
    unsigned best = 0;
    for (unsigned level = 0; level < WCZ_RANS_CLASSES; level++) {
        totals[level] = level == 8 ? 0 : (int64_t)1 << 60;
    }
    for (size_t i = 0; i < count; i++) {
        for (unsigned level = 0; level < WCZ_RANS_CLASSES; level++) {
            unsigned from = best_before(totals, moves, level);
            back[i * WCZ_RANS_CLASSES + level] = (uint8_t)from;
            reached[level] = totals[from] + moves[from > level ? from - level : level - from] +
                             costs[i * WCZ_RANS_CLASSES + level];
        }
        for (unsigned level = 0; level < WCZ_RANS_CLASSES; level++) {
            totals[level] = reached[level];
        }
    }
    for (unsigned level = 1; level < WCZ_RANS_CLASSES; level++) {
        best = totals[level] < totals[best] ? level : best;
    }
    for (size_t i = count; i-- > 0;) {
        path[i] = (uint8_t)best;
        best = back[i * WCZ_RANS_CLASSES + best];
    }
    return WCZ_OK;
}
