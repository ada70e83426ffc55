/* Symbols of the context coder as bits (coders.md, context).
 *
 * A template: whoever includes it has defined the type `sink` and, for it,
 *     void sink_bit(sink *, uint32_t chance_of_one, uint32_t bit)
 *     void sink_next(sink *)                                           a symbol is done
 * so that the encoder and the cost meter are one model.
 */
#include "context_model.h"

static inline void encode_one(sink *to, uint32_t *context, uint32_t bit) {
    sink_bit(to, chance(probability(*context)), bit);
    *context = adapted(*context, bit);
}

static inline void encode_non_zero(sink *to, uint32_t *contexts, neighbourhood around, uint32_t bit) {
    uint32_t *a, *b, *c;
    sink_bit(to, non_zero_chance(contexts, around, &a, &b, &c), bit);
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
    *c = adapted(*c, bit);
}

static inline void encode_negative(sink *to, uint32_t *contexts, neighbourhood around, uint32_t bit) {
    uint32_t *a, *b;
    sink_bit(to, negative_chance(contexts, around, &a, &b), bit);
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
}

static void encode_escape(sink *to, uint32_t *contexts, uint32_t value) {
    uint32_t bits = wcz_log2(value + 1);
    for (uint32_t i = 0; i < bits; i++) {
        encode_one(to, &contexts[ESCAPE + i], 1);
    }
    if (bits < ESCAPE_BITS) {
        encode_one(to, &contexts[ESCAPE + bits], 0);
    }
    while (bits-- > 0) {
        sink_bit(to, WCZ_EVEN_CHANCE, (value + 1) >> bits & 1);
    }
}

static inline void encode_symbol(sink *to, uint32_t *contexts, neighbourhood around, int32_t value) {
    uint32_t magnitude = magnitude_of(value);
    encode_non_zero(to, contexts, around, magnitude != 0);
    if (magnitude == 0) {
        return;
    }
    encode_negative(to, contexts, around, value < 0);
    uint32_t *above = &contexts[ABOVE + around.level * FLAGS];
    for (uint32_t flag = 1; flag <= FLAGS && flag <= magnitude; flag++) {
        encode_one(to, &above[flag - 1], magnitude > flag);
    }
    if (magnitude > FLAGS) {
        encode_escape(to, contexts, magnitude - FLAGS - 1);
    }
}

/* All symbols of an array. WCZ_SYMBOL: one outside -(2^31 - 1) .. 2^31 - 1. */
static inline wcz_status encode_array(sink *to, uint32_t (*sets)[WCZ_CONTEXTS], const wcz_view *view, uint16_t *columns,
                                      size_t column_count, const int32_t *values, size_t count) {
    walk at;
    wcz_status status = start_walk(&at, view, columns, column_count, values, count);
    if (status != WCZ_OK) {
        return status;
    }
    uint32_t *contexts = sets[view->context_set];
    while (at.index < count) {
        int32_t value = values[at.index];
        if (value == INT32_MIN) {
            return WCZ_SYMBOL;
        }
        neighbourhood around = neighbours(&at);
        encode_symbol(to, contexts, around, value);
        sink_next(to);
        step(&at, magnitude_of(value), around.column_mean);
    }
    return WCZ_OK;
}
