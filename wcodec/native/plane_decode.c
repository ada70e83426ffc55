/* Decoder of byte planes (coders.md, float_planes). */
#include "bits.h"
#include "rans.h"

#define MAX_FREQUENCY_ZEROS 12  /* gamma codes of frequency + 1 <= 4096 */

/* Frequencies of the symbols first .. last, Elias gamma of each plus one, to a byte boundary; fills the slots. */
static wcz_status read_table(const uint8_t *payload, size_t size, uint32_t *slots, size_t *consumed) {
    if (size < 2) {
        return WCZ_TRUNCATED;
    }
    wcz_bit_reader in = {payload + 2, size - 2, 0, 0, 0};
    uint32_t first = payload[0], last = payload[1], filled = 0;
    for (uint32_t symbol = first; symbol <= last; symbol++) {
        uint64_t zeros;
        uint32_t low;
        wcz_status status = wcz_read_unary(&in, MAX_FREQUENCY_ZEROS, &zeros);
        if (status != WCZ_OK || (status = wcz_read_bits(&in, (unsigned)zeros, &low)) != WCZ_OK) {
            return status;
        }
        uint32_t frequency = ((uint32_t)1 << zeros | low) - 1;
        int must_occur = symbol == first || symbol == last;
        if (frequency > RANS_TOTAL - filled || frequency == RANS_TOTAL || (must_occur && frequency == 0)) {
            return WCZ_CORRUPT;
        }
        for (uint32_t i = 0; i < frequency; i++) {
            slots[filled++] = rans_slot(symbol, frequency, i);
        }
    }
    if (filled != RANS_TOTAL) {
        return WCZ_CORRUPT;
    }
    wcz_status status = wcz_end_bits(&in, consumed);
    *consumed += 2;
    return status;
}

static wcz_status decode_rans(const uint8_t *payload, size_t size, uint32_t *slots, uint8_t *plane, size_t count,
                              size_t *consumed) {
    size_t next;
    wcz_status status = read_table(payload, size, slots, &next);
    if (status != WCZ_OK) {
        return status;
    }
    if (size - next < 4 * RANS_LANES) {
        return WCZ_TRUNCATED;
    }
    uint32_t lanes[RANS_LANES];
    for (int lane = 0; lane < RANS_LANES; lane++, next += 4) {
        lanes[lane] = (uint32_t)payload[next] | (uint32_t)payload[next + 1] << 8 | (uint32_t)payload[next + 2] << 16
                      | (uint32_t)payload[next + 3] << 24;
        if (lanes[lane] < RANS_LOW) {
            return WCZ_CORRUPT;
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = slots[lanes[i % RANS_LANES] & (RANS_TOTAL - 1)];
        uint32_t state = rans_back(lanes[i % RANS_LANES], slot);
        plane[i] = (uint8_t)slot;
        if (state < RANS_LOW) {
            if (size - next < 2) {
                return WCZ_TRUNCATED;
            }
            state = state << 16 | (uint32_t)payload[next] | (uint32_t)payload[next + 1] << 8;
            next += 2;
        }
        lanes[i % RANS_LANES] = state;
    }
    for (int lane = 0; lane < RANS_LANES; lane++) {
        if (lanes[lane] != RANS_LOW) {
            return WCZ_CORRUPT;
        }
    }
    *consumed = next;
    return WCZ_OK;
}

static wcz_status decode_block(const uint8_t *payload, size_t size, wcz_plane_scratch *scratch, uint8_t *plane,
                               size_t count, size_t *consumed) {
    if (size == 0) {
        return WCZ_TRUNCATED;
    }
    if (payload[0] == PLANE_RANS) {
        wcz_status status = decode_rans(payload + 1, size - 1, scratch->slots, plane, count, consumed);
        *consumed += 1;
        return status;
    }
    if (payload[0] > PLANE_RANS) {
        return WCZ_CORRUPT;
    }
    size_t step = payload[0] == PLANE_RAW;
    *consumed = 1 + (step ? count : 1);
    if (size < *consumed) {
        return WCZ_TRUNCATED;
    }
    for (size_t i = 0; i < count; i++) {
        plane[i] = payload[1 + i * step];
    }
    return WCZ_OK;
}

wcz_status wcz_plane_decode(const uint8_t *payload, size_t size, wcz_plane_scratch *scratch, uint8_t *plane,
                            size_t count, size_t *consumed) {
    size_t next = 0;
    for (size_t done = 0; done < count; done += WCZ_PLANE_BLOCK) {
        size_t block = count - done < WCZ_PLANE_BLOCK ? count - done : WCZ_PLANE_BLOCK;
        size_t taken = 0;
        wcz_status status = decode_block(payload + next, size - next, scratch, plane + done, block, &taken);
        if (status != WCZ_OK) {
            return status;
        }
        next += taken;
    }
    *consumed = next;
    return WCZ_OK;
}
