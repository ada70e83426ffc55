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

static uint32_t next_word(wcz_context_decoder *in) {
    uint32_t word = 0;
    for (int i = 0; i < 2; i++, in->next++) {
        word = word << 8 | (in->next < in->size ? in->payload[in->next] : 0u);
    }
    return word;
}

static inline uint32_t decode_bit(wcz_context_decoder *in, uint32_t chance_of_one) {
    uint32_t split = wcz_split(in->range, chance_of_one);
    uint32_t bit = in->code >= split;
    in->range = bit ? in->range - split : split;
    in->code -= (0u - bit) & split;
    if (in->range < 65536u) {
        in->range <<= 16;
        in->code = in->code << 16 | next_word(in);
    }
    return bit;
}

static inline uint32_t decode_one(wcz_context_decoder *in, uint32_t *context) {
    uint32_t bit = decode_bit(in, chance(probability(*context)));
    *context = adapted(*context, bit);
    return bit;
}

static inline uint32_t decode_non_zero(wcz_context_decoder *in, uint32_t *contexts, neighbourhood around) {
    uint32_t *a, *b, *c;
    uint32_t bit = decode_bit(in, non_zero_chance(contexts, around, &a, &b, &c));
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
    *c = adapted(*c, bit);
    return bit;
}

static inline uint32_t decode_negative(wcz_context_decoder *in, uint32_t *contexts, neighbourhood around) {
    uint32_t *a, *b;
    uint32_t bit = decode_bit(in, negative_chance(contexts, around, &a, &b));
    *a = adapted(*a, bit);
    *b = adapted(*b, bit);
    return bit;
}

/* Exp-Golomb from 0; up to 2^31 - 2. */
static uint32_t decode_escape(wcz_context_decoder *in, uint32_t *contexts) {
    uint32_t bits = 0, value = 1;
    while (bits < ESCAPE_BITS && decode_one(in, &contexts[ESCAPE + bits])) {
        bits++;
    }
    for (; bits; bits--) {
        value = value << 1 | decode_bit(in, WCZ_EVEN_CHANCE);
    }
    return value - 1;
}

static inline int32_t decode_symbol(wcz_context_decoder *in, uint32_t *contexts, neighbourhood around) {
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
    decoder->payload = payload;
    decoder->size = size;
    decoder->next = 0;
    decoder->range = UINT32_MAX;
    decoder->code = next_word(decoder) << 16;
    decoder->code |= next_word(decoder);
    start_contexts(decoder->contexts);
}

wcz_status wcz_context_decode_array(wcz_context_decoder *decoder, const wcz_view *view, uint16_t *columns,
                                    size_t column_count, int32_t *values, size_t count) {
    walk at;
    wcz_context_decoder in = *decoder;
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
        if (at.column == 0 && in.next > in.size + 4 + WCZ_MAX_STRIPPED) {
            return WCZ_TRUNCATED;
        }
    }
    decoder->next = in.next;
    decoder->range = in.range;
    decoder->code = in.code;
    return WCZ_OK;
}

wcz_status wcz_context_decode_end(const wcz_context_decoder *decoder) {
    uint32_t window = 0, distance;
    for (size_t i = decoder->next - 4; i < decoder->next; i++) {
        window = window << 8 | (i < decoder->size ? decoder->payload[i] : 0u);
    }
    size_t full = decoder->next - 4 + wcz_tail(window - decoder->code, decoder->range, &distance);
    if (decoder->size > full) {
        return WCZ_OVERRUN;
    }
    if (full - decoder->size > WCZ_MAX_STRIPPED) {
        return WCZ_TRUNCATED;
    }
    int could_be_shorter = full - decoder->size < WCZ_MAX_STRIPPED && decoder->size > 0
                           && decoder->payload[decoder->size - 1] == 0;
    int outside = wcz_outside(decoder->payload, decoder->size);
    return could_be_shorter || outside || decoder->code != distance ? WCZ_CORRUPT : WCZ_OK;
}
