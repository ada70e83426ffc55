/* Encoder of byte planes (coders.md, float_planes). */
#include "bits.h"
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

/* Codes the symbols last to first, words from the end of out[0 .. room) downwards, then moves all to the front: states,
 * words. The bytes written, or 0 where they do not fit. */
static size_t encode_lanes(const uint8_t *plane, size_t count, const wcz_plane_scratch *scratch, uint8_t *out,
                           size_t room) {
    uint32_t lanes[RANS_LANES] = {RANS_LOW, RANS_LOW, RANS_LOW, RANS_LOW};
    size_t words = room;
    for (size_t i = count; i-- > 0;) {
        uint32_t *state = &lanes[i % RANS_LANES];
        uint32_t frequency = scratch->frequencies[plane[i]];
        if (*state >> 20 >= frequency) {
            if (words < 4 * RANS_LANES + 2) {
                return 0;
            }
            words -= 2;
            out[words] = (uint8_t)*state;
            out[words + 1] = (uint8_t)(*state >> 8);
            *state >>= 16;
        }
        *state = rans_forward(*state, frequency, scratch->starts[plane[i]]);
    }
    size_t next = 0;
    for (int lane = 0; lane < RANS_LANES; lane++) {
        for (int shift = 0; shift < 32; shift += 8) {
            out[next++] = (uint8_t)(lanes[lane] >> shift);
        }
    }
    while (words < room) {
        out[next++] = out[words++];
    }
    return next;
}

/* One block of 1 .. WCZ_PLANE_BLOCK bytes into at most count + 1; the bytes written. */
static size_t encode_block(const uint8_t *plane, size_t count, wcz_plane_scratch *scratch, uint8_t *out) {
    uint32_t *frequencies = scratch->frequencies;
    unsigned first = 0, last = 255;
    for (int i = 0; i < 256; i++) {
        frequencies[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        frequencies[plane[i]]++;
    }
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
    normalise(frequencies, (uint32_t)count);
    for (unsigned i = 0, start = 0; i < 256; start += frequencies[i++]) {
        scratch->starts[i] = start;
    }
    size_t table = table_size(frequencies, first, last);
    if (table + 4 * RANS_LANES < count) {
        size_t lanes = encode_lanes(plane, count, scratch, out + 1 + table, count - 1 - table);
        if (lanes) {
            out[0] = PLANE_RANS;
            return 1 + write_table(frequencies, first, last, out + 1) + lanes;
        }
    }
    out[0] = PLANE_RAW;
    for (size_t i = 0; i < count; i++) {
        out[1 + i] = plane[i];
    }
    return 1 + count;
}

size_t wcz_plane_bound(size_t count) {
    return count + count / WCZ_PLANE_BLOCK + 1 + (count == 1);
}

wcz_status wcz_plane_encode(const uint8_t *plane, size_t count, wcz_plane_scratch *scratch, uint8_t *payload,
                            size_t capacity, size_t *written) {
    size_t next = 0;
    if (capacity < wcz_plane_bound(count)) {
        return WCZ_CAPACITY;
    }
    for (size_t done = 0; done < count; done += WCZ_PLANE_BLOCK) {
        size_t block = count - done < WCZ_PLANE_BLOCK ? count - done : WCZ_PLANE_BLOCK;
        next += encode_block(plane + done, block, scratch, payload + next);
    }
    *written = next;
    return WCZ_OK;
}
