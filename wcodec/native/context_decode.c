/* Decoder of the context coder (coders.md, context). */
#include "context_model.h"

size_t wcz_context_columns(const wcz_view *view) {
    uint64_t sizes[3] = {view->channels, view->kernel_rows, view->kernel_columns};
    uint64_t width = 1;
    for (int i = 0; i < 3; i++) {
        width = sizes[i] < WCZ_MAX_COLUMNS ? width * sizes[i] : WCZ_MAX_COLUMNS;
        width = width < WCZ_MAX_COLUMNS ? width : WCZ_MAX_COLUMNS;
    }
    return (size_t)width;
}

static inline uint32_t decode_one(wcz_range_decoder *in, uint32_t *context) {
    uint32_t bit = wcz_range_decode_bit(in, chance(probability(*context)));
    *context = adapted(*context, bit);
    return bit;
}

static inline uint32_t decode_non_zero(wcz_range_decoder *in, uint32_t *contexts, neighbourhood around) {
    uint32_t *a, *b, *c;
    uint32_t bit = wcz_range_decode_bit(in, non_zero_chance(contexts, around, &a, &b, &c));
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
    *c = adapted(*c, bit);
    return bit;
}

static inline uint32_t decode_negative(wcz_range_decoder *in, uint32_t *contexts, neighbourhood around) {
    uint32_t *a, *b;
    uint32_t bit = wcz_range_decode_bit(in, negative_chance(contexts, around, &a, &b));
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
    return bit;
}

/* Exp-Golomb from 0; up to 2^31 - 2. */
static uint32_t decode_escape(wcz_range_decoder *in, uint32_t *contexts) {
    uint32_t bits = 0, value = 1;
    while (bits < ESCAPE_BITS && decode_one(in, &contexts[ESCAPE + bits])) {
        bits++;
    }
    for (; bits; bits--) {
        value = value << 1 | wcz_range_decode_bit(in, WCZ_EVEN_CHANCE);
    }
    return value - 1;
}

static inline int32_t decode_symbol(wcz_range_decoder *in, uint32_t *contexts, neighbourhood around) {
    if (!decode_non_zero(in, contexts, around)) {
        return 0;
    }
    uint32_t negative = decode_negative(in, contexts, around);
    uint32_t *above = &contexts[ABOVE + around.level * FLAGS];
    uint32_t magnitude = 1;
    while (magnitude <= FLAGS && decode_one(in, &above[magnitude - 1])) {
        magnitude++;
    }
    if (magnitude > FLAGS) {
        magnitude += decode_escape(in, contexts);
        if (magnitude > INT32_MAX) {
            return INT32_MIN;
        }
    }
    return negative ? -(int32_t)magnitude : (int32_t)magnitude;
}

void wcz_context_decode_start(wcz_context_decoder *decoder, const uint8_t *payload, size_t size) {
    wcz_range_decode_start(&decoder->in, payload, size);
    start_contexts(decoder->contexts);
}

wcz_status wcz_context_decode_array(wcz_context_decoder *decoder, const wcz_view *view, uint16_t *columns,
                                    size_t column_count, int32_t *values, size_t count) {
    walk at;
    wcz_range_decoder in = decoder->in;
    wcz_status status = start_walk(&at, view, columns, column_count, values, count);
    if (status != WCZ_OK) {
        return status;
    }
    uint32_t *contexts = decoder->contexts[view->context_set];
    while (at.index < count) {
        neighbourhood around = neighbours(&at);
        int32_t value = decode_symbol(&in, contexts, around);
        if (value == INT32_MIN) {
            return WCZ_CORRUPT;
        }
        values[at.index] = value;
        step(&at, magnitude_of(value), around.column_mean);
        if (at.column == 0 && wcz_range_exhausted(&in)) {
            return WCZ_TRUNCATED;
        }
    }
    decoder->in = in;
    return WCZ_OK;
}

wcz_status wcz_context_decode_end(const wcz_context_decoder *decoder) {
    return wcz_range_decode_end(&decoder->in);
}
