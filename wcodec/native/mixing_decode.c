/* Decoder of the mixing coder (coders.md, mixing). */
#include "wcz_kernel.h"

typedef wcz_mixing_input sink;
#define SYMBOLS int32_t
#define SYMBOL_AT(symbols, i) 0
#define STORE_SYMBOL(symbols, i, value) ((symbols)[i] = (value))

static inline uint32_t sink_bit(sink *in, uint32_t chance_of_one, uint32_t bit);
static inline int sink_full(const sink *in);

#include "mixing_walk.h"

static inline uint32_t next_word(sink *in) {
    uint32_t word = 0;
    for (int i = 0; i < 2; i++, in->next++) {
        word = word << 8 | (in->next < in->size ? in->payload[in->next] : 0u);
    }
    return word;
}

static inline uint32_t sink_bit(sink *in, uint32_t chance_of_one, uint32_t bit) {
    uint32_t split = wcz_split(in->range, chance_of_one);
    bit = in->code >= split;
    uint32_t taken = (0u - bit) & split;
    in->code -= taken;
    in->range = bit ? in->range - split : split;
    if (in->range < 65536u) {
        in->range <<= 16;
        in->code = in->code << 16 | next_word(in);
    }
    return bit;
}

/* A payload that has ended long ago: bounds the symbols that a short one can claim. */
static inline int sink_full(const sink *in) {
    return in->next > in->size + 4 + WCZ_MAX_STRIPPED;
}

size_t wcz_mixing_scratch(const wcz_mixing_view *view) {
    return scratch_size(view);
}

/* Until the payload is 4 + 4 bytes past its end, 8 * size + 48 bits shrink the interval from 2^32 to 2^16, and the
 * first decision of a symbol leaves at most 1 - 21/65536 of it: its chance is 22/65536 and rounding takes one part. */
uint64_t wcz_mixing_most_symbols(size_t size) {
    return 2164 * (8 * (uint64_t)(size < SIZE_MAX / 65536 ? size : SIZE_MAX / 65536) + 112);
}

void wcz_mixing_decode_start(wcz_mixing_decoder *decoder, const uint8_t *payload, size_t size) {
    sink in = {payload, size, 0, UINT32_MAX, 0};
    in.code = next_word(&in) << 16;
    in.code |= next_word(&in);
    decoder->in = in;
    start_model(&decoder->model);
}

wcz_status wcz_mixing_decode_array(wcz_mixing_decoder *decoder, const wcz_mixing_view *view, void *scratch,
                                   size_t scratch_size_, int32_t *values, size_t count) {
    if (count && (scratch_size(view) == 0 || scratch_size_ < scratch_size(view))) {
        return WCZ_ARGUMENT;
    }
    sink in = decoder->in;
    wcz_status status = code_array(&decoder->model, &in, view, scratch, values, count);
    decoder->in = in;
    return status;
}

wcz_status wcz_mixing_decode_end(const wcz_mixing_decoder *decoder) {
    const sink *in = &decoder->in;
    uint32_t window = 0, distance;
    for (size_t i = in->next - 4; i < in->next; i++) {
        window = window << 8 | (i < in->size ? in->payload[i] : 0u);
    }
    size_t full = in->next - 4 + wcz_tail(window - in->code, in->range, &distance);
    if (in->size > full) {
        return WCZ_OVERRUN;
    }
    if (full - in->size > WCZ_MAX_STRIPPED) {
        return WCZ_TRUNCATED;
    }
    int could_be_shorter = full - in->size < WCZ_MAX_STRIPPED && in->size > 0 && in->payload[in->size - 1] == 0;
    int outside = wcz_outside(in->payload, in->size);
    return could_be_shorter || outside || in->code != distance ? WCZ_CORRUPT : WCZ_OK;
}
