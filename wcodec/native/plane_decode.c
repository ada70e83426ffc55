/* Decoder of byte planes (coders.md, float_planes). */
#include "bits.h"
#include "plane_words.h"
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

static inline uint32_t word_at(const uint8_t *payload) {
    return (uint32_t)payload[0] | (uint32_t)payload[1] << 8;
}

/* Whole turns of the lanes while the payload has a word for each: no word needs a check, and none a branch. */
static inline size_t decode_turns(const uint32_t *slots, uint32_t *lanes, const uint8_t *payload, size_t size,
                                  size_t *next, uint8_t *restrict plane, size_t count, const unsigned lane_count) {
    uint32_t states[RANS_LANES];
    size_t done = 0, at = *next;
    for (unsigned lane = 0; lane < lane_count; lane++) {
        states[lane] = lanes[lane];
    }
    for (; count - done >= lane_count && size - at >= 2 * lane_count; done += lane_count) {
        for (unsigned lane = 0; lane < lane_count; lane++) {
            uint32_t slot = slots[states[lane] & (RANS_TOTAL - 1)];
            uint32_t state = rans_back(states[lane], slot);
            uint32_t needs = state < RANS_LOW;
            plane[done + lane] = (uint8_t)slot;
            states[lane] = needs ? state << 16 | word_at(payload + at) : state;
            at += 2 * needs;
        }
    }
    for (unsigned lane = 0; lane < lane_count; lane++) {
        lanes[lane] = states[lane];
    }
    *next = at;
    return done;
}

size_t wcz_plane_portable(const uint32_t *slots, uint32_t *lanes, const uint8_t *payload, size_t size, size_t *next,
                          uint8_t *plane, size_t count) {
    return decode_turns(slots, lanes, payload, size, next, plane, count, RANS_LANES);
}

/* The bytes from `done` on, which is a whole number of turns. */
static wcz_status decode_rest(const uint32_t *slots, uint32_t *lanes, unsigned lane_count, const uint8_t *payload,
                              size_t size, size_t *next, uint8_t *plane, size_t done, size_t count) {
    for (unsigned lane = 0; done < count; done++, lane = (lane + 1) % lane_count) {
        uint32_t slot = slots[lanes[lane] & (RANS_TOTAL - 1)];
        uint32_t state = rans_back(lanes[lane], slot);
        plane[done] = (uint8_t)slot;
        if (state < RANS_LOW) {
            if (size - *next < 2) {
                return WCZ_TRUNCATED;
            }
            state = state << 16 | word_at(payload + *next);
            *next += 2;
        }
        lanes[lane] = state;
    }
    return WCZ_OK;
}

static wcz_status read_states(const uint8_t *payload, size_t size, uint32_t *lanes, unsigned lane_count,
                              size_t *next) {
    if (size - *next < 4 * lane_count) {
        return WCZ_TRUNCATED;
    }
    for (unsigned lane = 0; lane < lane_count; lane++, *next += 4) {
        lanes[lane] = word_at(payload + *next) | word_at(payload + *next + 2) << 16;
        if (lanes[lane] < RANS_LOW) {
            return WCZ_CORRUPT;
        }
    }
    return WCZ_OK;
}

static wcz_status decode_rans(wcz_plane_path path, const uint8_t *payload, size_t size, uint32_t *slots,
                              uint8_t *plane, size_t count, size_t *consumed) {
    uint32_t lanes[RANS_LANES];
    unsigned lane_count = rans_lane_count(count);
    size_t next = 0, done;
    wcz_status status = read_table(payload, size, slots, &next);
    if (status != WCZ_OK || (status = read_states(payload, size, lanes, lane_count, &next)) != WCZ_OK) {
        return status;
    }
    done = lane_count == RANS_LANES
               ? path(slots, lanes, payload, size, &next, plane, count)
               : decode_turns(slots, lanes, payload, size, &next, plane, count, RANS_FEW_LANES);
    status = decode_rest(slots, lanes, lane_count, payload, size, &next, plane, done, count);
    for (unsigned lane = 0; status == WCZ_OK && lane < lane_count; lane++) {
        status = lanes[lane] == RANS_LOW ? WCZ_OK : WCZ_CORRUPT;
    }
    *consumed = next;
    return status;
}

/* A block of one plane: `*bytes` points at them, in `room` or in the payload itself. */
static wcz_status decode_block(wcz_plane_path path, const uint8_t *payload, size_t size, uint32_t *slots,
                               uint8_t *room, size_t count, const uint8_t **bytes, size_t *consumed) {
    *bytes = room;
    if (size == 0) {
        return WCZ_TRUNCATED;
    }
    if (payload[0] == PLANE_RANS) {
        wcz_status status = decode_rans(path, payload + 1, size - 1, slots, room, count, consumed);
        *consumed += 1;
        return status;
    }
    if (payload[0] > PLANE_RANS) {
        return WCZ_CORRUPT;
    }
    *consumed = 1 + (payload[0] == PLANE_RAW ? count : 1);
    if (size < *consumed) {
        return WCZ_TRUNCATED;
    }
    if (payload[0] == PLANE_RAW) {
        *bytes = payload + 1;
        return WCZ_OK;
    }
    for (size_t i = 0; i < count; i++) {
        room[i] = payload[1];
    }
    return WCZ_OK;
}

size_t wcz_plane_room(const wcz_elements *elements) {
    return elements->width * (elements->count < WCZ_PLANE_BLOCK ? elements->count : WCZ_PLANE_BLOCK);
}

wcz_status wcz_plane_decode(wcz_plane_path path, const uint8_t *payload, size_t size, uint32_t slots[WCZ_PLANE_SLOTS],
                            uint8_t *planes, const wcz_elements *elements, size_t *consumed) {
    size_t next = 0;
    for (size_t done = 0; done < elements->count; done += WCZ_PLANE_BLOCK) {
        const uint8_t *bytes[8];
        size_t left = elements->count - done, count = left < WCZ_PLANE_BLOCK ? left : WCZ_PLANE_BLOCK;
        for (unsigned plane = 0; plane < elements->width; plane++) {
            size_t taken = 0;
            wcz_status status = decode_block(path, payload + next, size - next, slots, planes + plane * count, count,
                                             &bytes[plane], &taken);
            if (status != WCZ_OK) {
                return status;
            }
            next += taken;
        }
        plane_merge(elements, done, count, bytes);
    }
    *consumed = next;
    return WCZ_OK;
}
