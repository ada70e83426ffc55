/* Encoder of byte planes (coders.md, float_planes). */
#include "bits.h"
#include "plane_words.h"
#include "rans.h"

/* Counts to frequencies that add up to 2^12: rounded, at least one where a symbol occurs, the difference taken from or
 * given to the most frequent symbol, the lowest one among equals. At least two symbols occur. */
static void normalise(uint32_t *frequencies, uint32_t count) {
    uint32_t total = 0;
    for (int i = 0; i < 256; i++) {
        uint32_t scaled = (uint32_t)(((uint64_t)frequencies[i] * RANS_TOTAL + count / 2) / count);
        frequencies[i] = frequencies[i] && !scaled ? 1 : scaled;
        total += frequencies[i];
    }
    while (total != RANS_TOTAL) {
        int most = 0;
        for (int i = 1; i < 256; i++) {
            most = frequencies[i] > frequencies[most] ? i : most;
        }
        if (total < RANS_TOTAL) {
            frequencies[most] += RANS_TOTAL - total;
            total = RANS_TOTAL;
        } else {
            frequencies[most]--;
            total--;
        }
    }
}

/* The table of symbols first .. last at `out`, which has room for it. */
static size_t write_table(const uint32_t *frequencies, unsigned first, unsigned last, uint8_t *out) {
    wcz_bit_writer bits = {out + 2, 0, 0, 0};
    out[0] = (uint8_t)first;
    out[1] = (uint8_t)last;
    for (unsigned symbol = first; symbol <= last; symbol++) {
        uint32_t value = frequencies[symbol] + 1;
        unsigned low = wcz_log2(value);
        wcz_write_unary(&bits, low);
        wcz_write_bits(&bits, value & ~((uint32_t)1 << low), low);
    }
    wcz_flush_bits(&bits);
    return 2 + bits.next;
}

static size_t table_size(const uint32_t *frequencies, unsigned first, unsigned last) {
    size_t bits = 0;
    for (unsigned symbol = first; symbol <= last; symbol++) {
        bits += 2 * wcz_log2(frequencies[symbol] + 1) + 1;
    }
    return 2 + (bits + 7) / 8;
}

/* 12 - log2(frequency) in 1/256 bit, at most 22 of them too much: log2 is drawn straight between powers of two. */
static uint32_t bit_cost(uint32_t frequency) {
    unsigned whole = wcz_log2(frequency);
    return (RANS_BITS - whole) * 256 + 256 - (frequency << 8 >> whole);
}

/* How often each value occurs, in counts[0]. Four tables, because a byte is often the same as the one before it. */
static void count_bytes(const uint8_t *plane, size_t count, wcz_plane_scratch *scratch) {
    uint32_t (*counts)[256] = scratch->counts;
    size_t i = 0;
    for (unsigned value = 0; value < 256; value++) {
        counts[0][value] = counts[1][value] = counts[2][value] = counts[3][value] = 0;
    }
    for (; i + 4 <= count; i += 4) {
        counts[0][plane[i]]++;
        counts[1][plane[i + 1]]++;
        counts[2][plane[i + 2]]++;
        counts[3][plane[i + 3]]++;
    }
    for (; i < count; i++) {
        counts[0][plane[i]]++;
    }
    for (unsigned value = 0; value < 256; value++) {
        counts[0][value] += counts[1][value] + counts[2][value] + counts[3][value];
    }
}

static void fill_symbols(const uint32_t *frequencies, wcz_plane_symbol *symbols) {
    uint32_t start = 0;
    for (unsigned value = 0; value < 256; value++) {
        uint32_t frequency = frequencies[value];
        symbols[value].reciprocal = frequency ? (((uint64_t)1 << 44) + frequency - 1) / frequency : 0;
        symbols[value].limit = frequency << 20;
        symbols[value].start = (uint16_t)start;
        symbols[value].rest = (uint16_t)(RANS_TOTAL - frequency);
        start += frequency;
    }
}

/* The state after a symbol, from one below f 2^20. The quotient is exact: the reciprocal is (2^44 + e) / f with e < f,
 * and state * e < f^2 2^20 < 2^44. The product fits: it is at most (f 2^20 - 1) (2^44 + e) / f
 * < 2^64 + 2^20 f - 2^44 / f <= 2^64. */
static inline uint32_t push(uint32_t state, const wcz_plane_symbol *symbol) {
    uint32_t quotient = (uint32_t)(state * symbol->reciprocal >> 44);
    return state + symbol->start + quotient * symbol->rest;
}

/* Codes one byte; a word that leaves the state goes to *--words, and is overwritten where none left. */
static inline uint32_t encode_byte(uint32_t state, const wcz_plane_symbol *symbol, uint16_t **words) {
    int full = state >= symbol->limit;
    (*words)[-1] = (uint16_t)state;
    *words -= full;
    return push(full ? state >> 16 : state, symbol);
}

/* Codes the bytes last to first, words from the end of scratch->words downwards, which has room for one each. The
 * first word. */
static inline const uint16_t *encode_lanes(const uint8_t *restrict plane, size_t count, wcz_plane_scratch *scratch,
                                           uint32_t *restrict states, const unsigned lane_count) {
    const wcz_plane_symbol *restrict symbols = scratch->symbols;
    uint16_t *words = scratch->words + WCZ_PLANE_BLOCK;
    size_t i = count;
    for (unsigned lane = 0; lane < lane_count; lane++) {
        states[lane] = RANS_LOW;
    }
    for (; i % lane_count; i--) {
        states[(i - 1) % lane_count] = encode_byte(states[(i - 1) % lane_count], &symbols[plane[i - 1]], &words);
    }
    for (; i; i -= lane_count) {
        for (unsigned lane = 1; lane <= lane_count; lane++) {
            uint32_t *state = &states[lane_count - lane];
            *state = encode_byte(*state, &symbols[plane[i - lane]], &words);
        }
    }
    return words;
}

/* States and words into out[0 .. room); the bytes written, or 0 where they do not fit. */
static size_t encode_rans(const uint8_t *plane, size_t count, wcz_plane_scratch *scratch, uint8_t *restrict out,
                          size_t room) {
    uint32_t states[RANS_LANES];
    unsigned lane_count = rans_lane_count(count);
    const uint16_t *words = lane_count == RANS_LANES ? encode_lanes(plane, count, scratch, states, RANS_LANES)
                                                     : encode_lanes(plane, count, scratch, states, RANS_FEW_LANES);
    size_t word_count = (size_t)(scratch->words + WCZ_PLANE_BLOCK - words);
    if (room < 4 * lane_count + 2 * word_count) {
        return 0;
    }
    for (unsigned lane = 0; lane < lane_count; lane++, out += 4) {
        for (unsigned i = 0; i < 4; i++) {
            out[i] = (uint8_t)(states[lane] >> 8 * i);
        }
    }
    for (size_t i = 0; i < word_count; i++) {
        out[2 * i] = (uint8_t)words[i];
        out[2 * i + 1] = (uint8_t)(words[i] >> 8);
    }
    return 4 * lane_count + 2 * word_count;
}

static size_t write_raw(const uint8_t *restrict plane, size_t count, uint8_t *restrict out) {
    out[0] = PLANE_RAW;
    for (size_t i = 0; i < count; i++) {
        out[1 + i] = plane[i];
    }
    return 1 + count;
}

/* One block of 1 .. WCZ_PLANE_BLOCK bytes into at most count + 1, or two; the bytes written. */
static size_t encode_block(const uint8_t *plane, size_t count, wcz_plane_scratch *scratch, uint8_t *out) {
    uint32_t *frequencies = scratch->counts[0], *counts = scratch->counts[1];
    unsigned first = 0, last = 255;
    count_bytes(plane, count, scratch);
    while (!frequencies[first]) {
        first++;
    }
    while (!frequencies[last]) {
        last--;
    }
    if (first == last) {
        out[0] = PLANE_CONSTANT;
        out[1] = (uint8_t)first;
        return 2;
    }
    for (unsigned value = first; value <= last; value++) {
        counts[value] = frequencies[value];
    }
    normalise(frequencies, (uint32_t)count);
    size_t table = table_size(frequencies, first, last), cost = 0;
    for (unsigned value = first; value <= last; value++) {
        cost += counts[value] ? (size_t)counts[value] * bit_cost(frequencies[value]) : 0;
    }
    if (table + 4 * rans_lane_count(count) + cost / 2048 >= count) {
        return write_raw(plane, count, out);
    }
    fill_symbols(frequencies, scratch->symbols);
    size_t coded = encode_rans(plane, count, scratch, out + 1 + table, count - 1 - table);
    if (coded == 0) {
        return write_raw(plane, count, out);
    }
    out[0] = PLANE_RANS;
    return 1 + write_table(frequencies, first, last, out + 1) + coded;
}

size_t wcz_plane_bound(const wcz_elements *elements) {
    size_t blocks = elements->count / WCZ_PLANE_BLOCK + 1;
    return elements->width * (elements->count + blocks + 1);    /* a block of one byte takes two */
}

wcz_status wcz_plane_encode(const wcz_elements *elements, wcz_plane_scratch *scratch, uint8_t *planes,
                            uint8_t *payload, size_t capacity, size_t *written) {
    size_t next = 0;
    if (capacity < wcz_plane_bound(elements)) {
        return WCZ_CAPACITY;
    }
    for (size_t done = 0; done < elements->count; done += WCZ_PLANE_BLOCK) {
        size_t left = elements->count - done, count = left < WCZ_PLANE_BLOCK ? left : WCZ_PLANE_BLOCK;
        plane_split(elements, done, count, planes);
        for (unsigned plane = 0; plane < elements->width; plane++) {
            next += encode_block(planes + plane * count, count, scratch, payload + next);
        }
    }
    *written = next;
    return WCZ_OK;
}
