/* Encoder of the mixing coder (coders.md, mixing). */
#include "wcz_kernel.h"

typedef wcz_mixing_output sink;
#define SYMBOLS const int32_t
#define SYMBOL_AT(symbols, i) ((symbols)[i])
#define STORE_SYMBOL(symbols, i, value) ((void)(value))

static inline uint32_t sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit);
static inline int sink_full(const sink *out);

#include "mixing_walk.h"

/* One more at the last byte written; a byte of 255 hands it on. The first byte never overflows: low + range <= 2^32
 * held before anything was written. */
static void carry(sink *out) {
    size_t i = out->next;
    while (i > 0 && ++out->payload[--i] == 0) {
    }
}

static inline void put_byte(sink *out) {
    if (out->next < out->capacity) {
        out->payload[out->next] = (uint8_t)(out->low >> 24);
    }
    out->next += out->next <= out->capacity;      /* capacity + 1 stands for an overflow */
    out->low <<= 8;
}

static inline uint32_t sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit) {
    uint32_t split = wcz_split(out->range, chance_of_one);
    if (bit) {
        out->low += split;
        out->range -= split;
        if (out->low < split && out->next <= out->capacity) {
            carry(out);
        }
    } else {
        out->range = split;
    }
    if (out->range < 65536u) {
        out->range <<= 16;
        put_byte(out);
        put_byte(out);
    }
    return bit;
}

static inline int sink_full(const sink *out) {
    return out->next > out->capacity;
}

void wcz_mixing_encode_start(wcz_mixing_encoder *encoder, uint8_t *payload, size_t capacity) {
    sink out = {payload, capacity, 0, UINT32_MAX, 0};
    encoder->out = out;
    start_model(&encoder->model);
}

wcz_status wcz_mixing_encode_array(wcz_mixing_encoder *encoder, const wcz_mixing_view *view, void *scratch,
                                   size_t scratch_size_, const int32_t *values, size_t count) {
    if (count && (scratch_size(view) == 0 || scratch_size_ < scratch_size(view))) {
        return WCZ_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i] == INT32_MIN) {
            return WCZ_SYMBOL;
        }
    }
    sink out = encoder->out;
    wcz_status status = code_array(&encoder->model, &out, view, scratch, values, count);
    encoder->out = out;
    return status == WCZ_TRUNCATED ? WCZ_CAPACITY : status;
}

wcz_status wcz_mixing_encode_end(wcz_mixing_encoder *encoder, size_t *written) {
    sink *out = &encoder->out;
    uint32_t distance;
    unsigned tail = wcz_tail(out->low, out->range, &distance);
    out->low += distance;
    if (out->low < distance) {
        carry(out);
    }
    while (tail-- > 0) {
        put_byte(out);
    }
    if (out->next > out->capacity) {
        return WCZ_CAPACITY;
    }
    size_t size = out->next;
    for (unsigned i = 0; i < WCZ_MAX_STRIPPED && size > 0 && out->payload[size - 1] == 0; i++) {
        size--;
    }
    *written = size;
    return WCZ_OK;
}
