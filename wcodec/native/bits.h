/* Bit streams, least significant bit first: bit i of the stream is bit i % 8 of byte i / 8. Internal to the kernel. */
#ifndef WCZ_BITS_H
#define WCZ_BITS_H

#include "wcz_kernel.h"

/* Zero bits below the lowest one bit of a non-zero word. */
static inline unsigned wcz_trailing_zeros(uint64_t word) {
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(word);
#else
    unsigned n = 0;
    while (!(word & 1)) {
        word >>= 1;
        n++;
    }
    return n;
#endif
}

/* Index of the highest one bit of a non-zero word. */
static inline unsigned wcz_log2(uint32_t word) {
#if defined(__GNUC__)
    return 31u - (unsigned)__builtin_clz(word);
#else
    unsigned n = 0;
    while (word >>= 1) {
        n++;
    }
    return n;
#endif
}

typedef struct {
    const uint8_t *data;
    size_t size;
    size_t next;        /* first byte not yet in `word`; <= size */
    uint64_t word;      /* the coming bits, lowest first; bits at and above `held` are zero */
    unsigned held;      /* 0..64 */
} wcz_bit_reader;

/* Afterwards held >= 57, or all bytes are in `word`. */
static inline void wcz_refill(wcz_bit_reader *in) {
    while (in->held <= 56 && in->next < in->size) {
        in->word |= (uint64_t)in->data[in->next++] << in->held;
        in->held += 8;
    }
}

static inline void wcz_drop(wcz_bit_reader *in, unsigned count) {
    in->word = count < 64 ? in->word >> count : 0;
    in->held -= count;
}

/* `count` <= 32 bits, the first one lowest. */
static inline wcz_status wcz_read_bits(wcz_bit_reader *in, unsigned count, uint32_t *value) {
    wcz_refill(in);
    if (in->held < count) {
        return WCZ_TRUNCATED;
    }
    *value = (uint32_t)(in->word & (((uint64_t)1 << count) - 1));
    wcz_drop(in, count);
    return WCZ_OK;
}

/* The number of zero bits before the next one bit, which is dropped too; WCZ_CORRUPT where it exceeds `limit`. */
static inline wcz_status wcz_read_unary(wcz_bit_reader *in, uint64_t limit, uint64_t *zeros) {
    uint64_t count = 0;
    wcz_refill(in);
    while (in->word == 0) {
        if (in->held == 0) {
            return WCZ_TRUNCATED;
        }
        count += in->held;
        if (count > limit) {
            return WCZ_CORRUPT;
        }
        wcz_drop(in, in->held);
        wcz_refill(in);
    }
    unsigned rest = wcz_trailing_zeros(in->word);
    wcz_drop(in, rest + 1);
    *zeros = count + rest;
    return *zeros > limit ? WCZ_CORRUPT : WCZ_OK;
}

/* Ends at a byte boundary: padding bits must be zero. `*consumed` receives the bytes read so far. */
static inline wcz_status wcz_end_bits(const wcz_bit_reader *in, size_t *consumed) {
    unsigned padding = in->held % 8;
    if (in->word & (((uint64_t)1 << padding) - 1)) {
        return WCZ_CORRUPT;
    }
    *consumed = in->next - in->held / 8;
    return WCZ_OK;
}

typedef struct {
    uint8_t *data;      /* room for every bit that will be written: the caller has checked the capacity */
    size_t next;
    uint64_t word;
    unsigned held;      /* 0..7 between calls */
} wcz_bit_writer;

/* `count` <= 32 low bits of `value`, which has no others. */
static inline void wcz_write_bits(wcz_bit_writer *out, uint32_t value, unsigned count) {
    out->word |= (uint64_t)value << out->held;
    out->held += count;
    while (out->held >= 8) {
        out->data[out->next++] = (uint8_t)out->word;
        out->word >>= 8;
        out->held -= 8;
    }
}

static inline void wcz_write_unary(wcz_bit_writer *out, uint64_t zeros) {
    for (; zeros >= 32; zeros -= 32) {
        wcz_write_bits(out, 0, 32);
    }
    wcz_write_bits(out, 0, (unsigned)zeros);
    wcz_write_bits(out, 1, 1);
}

static inline void wcz_flush_bits(wcz_bit_writer *out) {
    if (out->held) {
        out->data[out->next++] = (uint8_t)out->word;
        out->word = 0;
        out->held = 0;
    }
}

#endif
