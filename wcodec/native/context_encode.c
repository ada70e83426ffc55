/* Encoder of the context coder (coders.md, context). */
#include "context_model.h"

static inline void encode_one(wcz_range_encoder *out, uint32_t *context, uint32_t bit) {
    wcz_range_encode_bit(out, chance(probability(*context)), bit);
    *context = adapted(*context, bit);
}

static inline void encode_non_zero(wcz_range_encoder *out, uint32_t *contexts, neighbourhood around, uint32_t bit) {
    uint32_t *a, *b, *c;
    wcz_range_encode_bit(out, non_zero_chance(contexts, around, &a, &b, &c), bit);
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
    *c = adapted(*c, bit);
}

static inline void encode_negative(wcz_range_encoder *out, uint32_t *contexts, neighbourhood around, uint32_t bit) {
    uint32_t *a, *b;
    wcz_range_encode_bit(out, negative_chance(contexts, around, &a, &b), bit);
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
}

static void encode_escape(wcz_range_encoder *out, uint32_t *contexts, uint32_t value) {
    uint32_t bits = wcz_log2(value + 1);
    for (uint32_t i = 0; i < bits; i++) {
        encode_one(out, &contexts[ESCAPE + i], 1);
    }
    if (bits < ESCAPE_BITS) {
        encode_one(out, &contexts[ESCAPE + bits], 0);
    }
    while (bits-- > 0) {
        wcz_range_encode_bit(out, WCZ_EVEN_CHANCE, (value + 1) >> bits & 1);
    }
}

static inline void encode_symbol(wcz_range_encoder *out, uint32_t *contexts, neighbourhood around, int32_t value) {
    uint32_t magnitude = magnitude_of(value);
    encode_non_zero(out, contexts, around, magnitude != 0);
    if (magnitude == 0) {
        return;
    }
    encode_negative(out, contexts, around, value < 0);
    uint32_t *above = &contexts[ABOVE + around.level * FLAGS];
    for (uint32_t flag = 1; flag <= FLAGS && flag <= magnitude; flag++) {
        encode_one(out, &above[flag - 1], magnitude > flag);
    }
    if (magnitude > FLAGS) {
        encode_escape(out, contexts, magnitude - FLAGS - 1);
    }
}

void wcz_context_encode_start(wcz_context_encoder *encoder, uint8_t *payload, size_t capacity) {
    wcz_range_encode_start(&encoder->out, payload, capacity);
    start_contexts(encoder->contexts);
}

wcz_status wcz_context_encode_array(wcz_context_encoder *encoder, const wcz_view *view, uint16_t *columns,
                                    size_t column_count, const int32_t *values, size_t count) {
    walk at;
    wcz_status status = start_walk(&at, view, columns, column_count, values, count);
    if (status != WCZ_OK) {
        return status;
    }
    uint32_t *contexts = encoder->contexts[view->context_set];
    while (at.index < count) {
        int32_t value = values[at.index];
        if (value == INT32_MIN) {
            return WCZ_SYMBOL;
        }
        neighbourhood around = neighbours(&at);
        encode_symbol(&encoder->out, contexts, around, value);
        step(&at, magnitude_of(value), around.column_mean);
    }
    return wcz_range_full(&encoder->out) ? WCZ_CAPACITY : WCZ_OK;
}

wcz_status wcz_context_encode_end(wcz_context_encoder *encoder, size_t *written) {
    return wcz_range_encode_end(&encoder->out, written);
}
