/* Binary range coder (coders.md, range coder): 32-bit interval, renormalised by 16 bits, carries written back.
 *
 * Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979).
 * Between two symbols range >= 2^16 holds on both sides, and code < range in the decoder of a valid payload.
 * Probabilities of a one are in units of 2^-16, within WCZ_LEAST_CHANCE .. 65536 - WCZ_LEAST_CHANCE: neither part of
 * the interval is ever empty, and one renormalisation a symbol is enough. Internal to the kernel.
 */
#ifndef WCZ_RANGE_CODER_H
#define WCZ_RANGE_CODER_H

#include "wcz_kernel.h"

#define WCZ_LEAST_CHANCE 4u
#define WCZ_EVEN_CHANCE 32768u
#define WCZ_MAX_STRIPPED 4u     /* trailing zero bytes that the encoder leaves out */

/* Where the zero's part of the interval ends; the one's part is above. */
static inline uint32_t wcz_split(uint32_t range, uint32_t chance_of_one) {
    return (uint32_t)(((uint64_t)range * (65536u - chance_of_one)) >> 16);
}

/* The first interval ends one number early: no encoder writes a payload that starts with four bytes of 255. */
static inline int wcz_outside(const uint8_t *payload, size_t size) {
    return size >= 4 && (payload[0] & payload[1] & payload[2] & payload[3]) == 255;
}

/* Bytes behind the last renormalisation, and the number in low .. low + range - 1 that they stand for, less low.
 * The fewest bytes that reach the interval: 2 are always enough, because range >= 2^16. */
static inline unsigned wcz_tail(uint32_t low, uint32_t range, uint32_t *distance) {
    *distance = 0u - low;
    if (*distance < range) {
        return 0;
    }
    *distance &= 0xFFFFFFu;
    if (*distance < range) {
        return 1;
    }
    *distance &= 0xFFFFu;
    return 2;
}

/* -- encoder ------------------------------------------------------------------------------------------------------- */

static inline void wcz_range_encode_start(wcz_range_encoder *out, uint8_t *payload, size_t capacity) {
    out->payload = payload;
    out->capacity = capacity;
    out->next = 0;
    out->range = UINT32_MAX;
    out->low = 0;
}

/* The payload has outgrown its capacity; what follows is lost. */
static inline int wcz_range_full(const wcz_range_encoder *out) {
    return out->next > out->capacity;
}

/* One more at the last byte written; a byte of 255 hands it on. The first byte never overflows: low + range <= 2^32
 * held before anything was written. */
static inline void wcz_range_carry(wcz_range_encoder *out) {
    size_t i = wcz_range_full(out) ? 0 : out->next;
    while (i > 0 && ++out->payload[--i] == 0) {
    }
}

static inline void wcz_range_put_byte(wcz_range_encoder *out) {
    if (out->next < out->capacity) {
        out->payload[out->next] = (uint8_t)(out->low >> 24);
    }
    out->next += out->next <= out->capacity;
    out->low <<= 8;
}

static inline void wcz_range_encode_bit(wcz_range_encoder *out, uint32_t chance_of_one, uint32_t bit) {
    uint32_t split = wcz_split(out->range, chance_of_one);
    if (bit) {
        out->low += split;
        out->range -= split;
        if (out->low < split) {
            wcz_range_carry(out);
        }
    } else {
        out->range = split;
    }
    if (out->range < 65536u) {
        out->range <<= 16;
        wcz_range_put_byte(out);
        wcz_range_put_byte(out);
    }
}

/* Writes the tail; `*written` receives the bytes of the payload without the zeros that the decoder adds. */
static inline wcz_status wcz_range_encode_end(wcz_range_encoder *out, size_t *written) {
    uint32_t distance;
    unsigned tail = wcz_tail(out->low, out->range, &distance);
    out->low += distance;
    if (out->low < distance) {
        wcz_range_carry(out);
    }
    while (tail-- > 0) {
        wcz_range_put_byte(out);
    }
    if (wcz_range_full(out)) {
        return WCZ_CAPACITY;
    }
    size_t size = out->next;
    for (unsigned i = 0; i < WCZ_MAX_STRIPPED && size > 0 && out->payload[size - 1] == 0; i++) {
        size--;
    }
    *written = size;
    return WCZ_OK;
}

/* -- decoder ------------------------------------------------------------------------------------------------------- */

/* The byte at `at` of the endless payload. */
static inline uint32_t wcz_range_byte(const wcz_range_decoder *in, size_t at) {
    return at < in->size ? in->payload[at] : 0u;
}

static inline uint32_t wcz_range_next_word(wcz_range_decoder *in) {
    in->next += 2;
    return wcz_range_byte(in, in->next - 2) << 8 | wcz_range_byte(in, in->next - 1);
}

static inline void wcz_range_decode_start(wcz_range_decoder *in, const uint8_t *payload, size_t size) {
    in->payload = payload;
    in->size = size;
    in->next = 0;
    in->range = UINT32_MAX;
    in->code = wcz_range_next_word(in) << 16;
    in->code |= wcz_range_next_word(in);
}

static inline uint32_t wcz_range_decode_bit(wcz_range_decoder *in, uint32_t chance_of_one) {
    uint32_t split = wcz_split(in->range, chance_of_one);
    uint32_t bit = in->code >= split;
    uint32_t range = bit ? in->range - split : split;
    uint32_t code = in->code - ((0u - bit) & split);
    if (range < 65536u) {
        range <<= 16;
        code = code << 16 | wcz_range_next_word(in);
    }
    in->range = range;
    in->code = code;
    return bit;
}

static inline void wcz_range_refill(wcz_range_decoder *in) {
    if (in->range < 65536u) {
        in->range <<= 16;
        in->code = in->code << 16 | wcz_range_next_word(in);
    }
}

/* The same bit, with a branch: what follows does not wait for it where the processor foresees it. */
static inline uint32_t wcz_range_decode_branch(wcz_range_decoder *in, uint32_t chance_of_one) {
    uint32_t split = wcz_split(in->range, chance_of_one);
    if (in->code >= split) {
        in->code -= split;
        in->range -= split;
        wcz_range_refill(in);
        return 1;
    }
    in->range = split;
    wcz_range_refill(in);
    return 0;
}

/* A payload that has ended long ago: bounds the symbols that a short one can claim. */
static inline int wcz_range_exhausted(const wcz_range_decoder *in) {
    return in->next > in->size + 4 + WCZ_MAX_STRIPPED;
}

/* WCZ_OK for exactly the payload that an encoder of the same bits writes. */
static inline wcz_status wcz_range_decode_end(const wcz_range_decoder *in) {
    uint32_t window = 0, distance;
    for (size_t i = in->next - 4; i < in->next; i++) {
        window = window << 8 | wcz_range_byte(in, i);
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

#endif
