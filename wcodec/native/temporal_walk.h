/* The walk of the temporal coder over a tensor (format_spec/messages.md): contexts, decisions, symbols.
 *
 * A template, as mixing_walk.h is: whoever includes it has defined the type `sink`, sink_bit, sink_full, SYMBOLS,
 * SYMBOL_AT and STORE_SYMBOL, and KNOWN_AT(symbols, i) for a symbol that was coded before.
 */
#include "temporal_model.h"

typedef struct {
    const wcz_temporal_tensor *tensor;
    uint32_t *column_sums;            /* magnitudes of this message in each column so far, below 2^31 */
    int32_t *column_signs;
    SYMBOLS *symbols;
    uint64_t sum, seen;               /* magnitudes of this message in the tensor so far */
    uint64_t row_sum;
    int32_t row_signs;
    uint32_t recent;                  /* running mean of the magnitudes before, in 2^-16 */
    size_t row, column;
} walk;

/* What is known before a symbol is coded. */
typedef struct {
    uint32_t broadcast, own;          /* levels of activity */
    uint32_t history, own_history;    /* half octaves of the mean that rows and columns of earlier messages suggest */
    uint32_t wide_history;            /* of the own one where there is one, on the scale of `lines` */
    uint32_t lines;                   /* the same of this message so far */
    uint32_t recent;
    uint32_t last;                    /* signs of the last symbols, 0 .. 8 */
    int32_t left, left2, above;
} outlook;

static inline uint32_t level_of(uint32_t activity) {
    return activity ? (uint32_t)clamp((log2_256(activity) >> 7) - 8, 0, LEVELS - 1) : 0;
}

/* rows[r] * columns[c] / mean; each is at most 15 * 2^16, so the product is below 2^40. */
static inline uint64_t expected(const wcz_temporal_memory *memory, size_t row, size_t column) {
    uint64_t mean = *memory->mean ? *memory->mean : 1;
    return (uint64_t)memory->rows[row] * memory->columns[column] / mean;
}

static inline uint32_t sign_of(const wcz_temporal_memory *memory, size_t i) {
    return memory ? (uint32_t)(memory->last[i] + 1) % 3 : 1;
}

/* Means of this message: of the tensor, the row and the column so far, each with a few weights of what is above it. */
static inline uint64_t expected_by_lines(const walk *at, uint64_t before) {
    uint64_t mean = ((at->sum << 16) + 4 * before) / (at->seen + 4);
    uint64_t row = ((at->row_sum << 16) + 4 * mean) / (at->column + 4);
    uint64_t column = (((uint64_t)at->column_sums[at->column] << 16) + 2 * mean) / (at->row + 2);
    return row * column / (mean ? mean : 1);
}

static inline int32_t known(const walk *at, size_t back) {
    return at->column >= back ? KNOWN_AT(at->symbols, at->row * at->tensor->columns + at->column - back) : 0;
}

static inline outlook look(const walk *at, uint64_t before) {
    const wcz_temporal_memory *broadcast = at->tensor->broadcast, *own = at->tensor->own;
    size_t i = at->row * at->tensor->columns + at->column;
    uint64_t history = broadcast ? expected(broadcast, at->row, at->column) : 0;
    uint64_t own_history = own ? expected(own, at->row, at->column) : 0;
    outlook o;
    o.broadcast = broadcast ? level_of(broadcast->activity[i]) : 0;
    o.own = own ? level_of(own->activity[i]) : 0;
    o.history = half_octave(history, 24, 24);
    o.own_history = half_octave(own_history, 24, 24);
    o.wide_history = half_octave(own ? own_history : history, 20, 20);
    o.lines = half_octave(expected_by_lines(at, before), 20, 20);
    o.recent = half_octave(at->recent, 16, 14);
    o.last = 3 * sign_of(broadcast, i) + sign_of(own, i);
    o.left = known(at, 1);
    o.left2 = known(at, 2);
    o.above = at->row ? KNOWN_AT(at->symbols, i - at->tensor->columns) : 0;
    return o;
}

/* -- decisions ------------------------------------------------------------------------------------------------------- */

static inline uint32_t decide(sink *to, decision *d, uint32_t bit) {
    mix(d);
    bit = sink_bit(to, d->chance, bit);
    learn_decision(d, bit);
    return bit;
}

static inline uint32_t code_non_zero(wcz_temporal_model *m, sink *to, const walk *at, const outlook *o, uint32_t bit) {
    int32_t *weights = m->zero_mixers[4 * at->tensor->kind + (o->broadcast ? 2 : 0) + (o->own ? 1 : 0)];
    decision d = {{&m->by_activity[LEVELS * o->broadcast + o->own], &m->by_history[24 * o->own_history + o->history],
                   &m->by_lines[2 * (LEVELS * o->lines + o->broadcast) + (o->own > 4)],
                   &m->by_recent[20 * o->recent + o->wide_history]}, 4, weights, RATE, LIMIT, {0}, 0};
    return decide(to, &d, bit);
}

static inline uint32_t ternary(int32_t value) {
    return (uint32_t)((value > 0) - (value < 0) + 1);
}

static inline uint32_t code_negative(wcz_temporal_model *m, sink *to, const walk *at, const outlook *o, uint32_t bit) {
    int32_t signs = at->row_signs, size = signs < 0 ? -signs : signs;
    uint32_t balance = (uint32_t)(2 + (signs < 0 ? -1 : 1) * (size >= 3 ? 2 : size >= 1 ? 1 : 0));
    uint32_t lines = 9 * balance + 3 * ternary(at->column_signs[at->column]) + at->tensor->kind;
    uint32_t around = 9 * ternary(o->left) + 3 * ternary(o->above) + ternary(o->left2);
    decision d = {{&m->sign_by_last[LEVELS * (LEVELS * o->last + o->broadcast) + o->own], &m->sign_by_lines[lines],
                   &m->sign_by_neighbours[around]}, 3, m->sign_mixers[at->tensor->kind], SIGN_RATE, SIGN_LIMIT,
                  {0}, 0};
    return decide(to, &d, bit);
}

static inline uint32_t at_most_2(int32_t value) {
    return (uint32_t)(value < 0 ? value < -1 ? 2 : 1 : value > 1 ? 2 : value);
}

static inline uint32_t code_plain(sink *to, uint32_t *counter, uint32_t bit) {
    uint32_t chance = *counter >> 16;
    chance = chance < 32 ? 32 : chance > 65504 ? 65504 : chance;
    bit = sink_bit(to, chance, bit);
    learn(counter, bit, LIMIT);
    return bit;
}

/* Exponential Golomb: sizes 0 .. 31 in unary, then that many even bits, the highest first. 0 <= value < 2^32 - 1. */
static inline uint64_t code_escape(wcz_temporal_model *m, sink *to, uint32_t value) {
    unsigned size = 0, actual = wcz_log2(value + 1);
    while (size < 31 && code_plain(to, &m->escape[size], size < actual)) {
        size++;
    }
    uint64_t result = 1;
    for (unsigned i = size; i-- > 0;) {
        result = result << 1 | sink_bit(to, WCZ_EVEN_CHANCE, (value + 1) >> i & 1);
    }
    return result - 1;
}

/* Magnitude less one. */
static inline uint64_t code_excess(wcz_temporal_model *m, sink *to, const outlook *o, uint32_t excess) {
    uint32_t around = 3 * at_most_2(o->left) + at_most_2(o->above);
    for (uint32_t node = 0; node < WCZ_TEMPORAL_NODES; node++) {
        decision d = {{&m->above_by_activity[node][o->broadcast > o->own ? o->broadcast : o->own],
                       &m->above_by_neighbours[node][around], &m->above_by_lines[node][o->lines]}, 3,
                      m->above_mixers[node], RATE, LIMIT, {0}, 0};
        if (!decide(to, &d, excess > node)) {
            return node;
        }
    }
    return WCZ_TEMPORAL_NODES + code_escape(m, to, excess - WCZ_TEMPORAL_NODES);
}

/* The symbol; INT32_MIN where a payload holds one that no encoder writes. */
static inline int32_t code_symbol(wcz_temporal_model *m, sink *to, const walk *at, const outlook *o, int32_t value) {
    uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (!code_non_zero(m, to, at, o, value != 0)) {
        return 0;
    }
    uint32_t negative = code_negative(m, to, at, o, value < 0);
    uint64_t excess = code_excess(m, to, o, magnitude - 1);
    if (excess >= INT32_MAX) {
        return INT32_MIN;
    }
    return negative ? -1 - (int32_t)excess : 1 + (int32_t)excess;
}

/* -- the walk -------------------------------------------------------------------------------------------------------- */

static inline void pass(walk *at, int32_t value) {
    uint32_t magnitude = value < 0 ? (uint32_t)-value : (uint32_t)value;
    int32_t sign = (value > 0) - (value < 0);
    magnitude = magnitude < CLIPPED ? magnitude : CLIPPED;
    at->sum += magnitude;
    at->seen++;
    at->row_sum += magnitude;
    at->row_signs = clamp(at->row_signs + sign, -1000, 1000);
    at->column_sums[at->column] += magnitude;
    at->column_signs[at->column] = clamp(at->column_signs[at->column] + sign, -1000, 1000);
    at->recent = (uint32_t)((int32_t)at->recent + (((int32_t)(magnitude << 16) - (int32_t)at->recent) >> 3));
}

/* Half of the own mean before, or of the broadcast's, and some: what a message starts from. */
static inline uint64_t mean_before(const wcz_temporal_tensor *tensor) {
    const wcz_temporal_memory *memory = tensor->own ? tensor->own : tensor->broadcast;
    return 328 + (memory ? *memory->mean / 2 : 0);
}

/* `scratch` has 2 words a column. */
static inline wcz_status code_tensor(wcz_temporal_model *m, sink *to, const wcz_temporal_tensor *tensor,
                                     uint32_t *scratch, SYMBOLS *symbols) {
    walk at = {tensor, scratch, (int32_t *)scratch + tensor->columns, symbols, 0, 0, 0, 0, 1311, 0, 0};
    const uint64_t before = mean_before(tensor);
    for (size_t i = 0; i < 2 * tensor->columns; i++) {
        scratch[i] = 0;
    }
    for (at.row = 0; at.row < tensor->rows; at.row++) {
        at.row_sum = 0;
        at.row_signs = 0;
        for (at.column = 0; at.column < tensor->columns; at.column++) {
            size_t i = at.row * tensor->columns + at.column;
            outlook o = look(&at, before);
            int32_t value = code_symbol(m, to, &at, &o, SYMBOL_AT(symbols, i));
            if (value == INT32_MIN) {
                return WCZ_CORRUPT;
            }
            STORE_SYMBOL(symbols, i, value);
            if (sink_full(to)) {
                return WCZ_TRUNCATED;
            }
            pass(&at, value);
        }
    }
    return WCZ_OK;
}

static inline int is_sound(const wcz_temporal_tensor *tensor, size_t scratch_words) {
    return tensor->rows && tensor->columns && tensor->kind <= 2 && tensor->rows <= WCZ_TEMPORAL_ROWS
           && tensor->rows <= SIZE_MAX / 16 / tensor->columns && scratch_words / 2 >= tensor->columns;
}
