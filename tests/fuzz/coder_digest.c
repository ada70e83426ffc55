/* Codes fixed pseudo-random arrays with the run-length, context and plane coders, decodes them, and prints a digest (FNV-1a)
 * of the payloads of each: the same for every compiler and every flag. */
#include <stdio.h>
#include <string.h>

#include "digest_symbols.h"
#include "wcz_kernel.h"

enum { MOST = 20000, ROUNDS = 60 };

static int32_t values[MOST], decoded[MOST];
static uint8_t payload[64 * MOST];
static size_t written;

static void fill(size_t count, uint32_t round) {
    for (size_t i = 0; i < count; i++) {
        values[i] = i >= 3 && next() % 3 ? values[i - 3] : symbol(round % 31);
    }
}

static int run_length(uint32_t round) {
    size_t count = 1 + next() % 5000, consumed;
    wcz_run_length_format format = {(int32_t)(next() % 8) - 1, (int32_t)(round % 31) - 1, next() & 1};
    fill(count, round);
    return wcz_run_length_encode(values, count, &format, payload, sizeof payload, &written) == WCZ_OK
           && wcz_run_length_decode(payload, written, &format, decoded, count, &consumed) == WCZ_OK
           && consumed == written && memcmp(values, decoded, count * sizeof *values) == 0;
}

static int context(uint32_t round) {
    static wcz_context_encoder encoder;
    static wcz_context_decoder decoder;
    static uint16_t columns[MOST];
    wcz_view view = {1 + next() % 20, 1 + next() % 20, 1 + next() % 7, 1 + next() % 7, next() & 1};
    size_t count = (size_t)(view.rows * view.channels * view.kernel_rows * view.kernel_columns);
    fill(count, round);
    wcz_context_encode_start(&encoder, payload, sizeof payload);
    if (wcz_context_encode_array(&encoder, &view, columns, MOST, values, count) != WCZ_OK
        || wcz_context_encode_end(&encoder, &written) != WCZ_OK) {
        return 0;
    }
    wcz_context_decode_start(&decoder, payload, written);
    return wcz_context_decode_array(&decoder, &view, columns, MOST, decoded, count) == WCZ_OK
           && wcz_context_decode_end(&decoder) == WCZ_OK && memcmp(values, decoded, count * sizeof *values) == 0;
}

static int planes(uint32_t round) {
    static wcz_plane_scratch scratch;
    static uint32_t slots[WCZ_PLANE_SLOTS];
    static uint8_t room[8 * MOST];
    size_t consumed;
    fill(MOST, round);
    wcz_elements first = {(uint8_t *)values, 1000 + next() % 9000, 1u << round % 4, WCZ_FOLD_NONE};
    wcz_elements second = first;
    if (first.width > 1) {
        first.fold = second.fold = (wcz_fold)(next() % 3);
    }
    second.data = (uint8_t *)decoded;
    return wcz_plane_room(&first) <= sizeof room
           && wcz_plane_encode(&first, &scratch, room, payload, sizeof payload, &written) == WCZ_OK
           && wcz_plane_decode(wcz_plane_portable, payload, written, slots, room, &second, &consumed) == WCZ_OK
           && consumed == written && memcmp(values, decoded, first.count * first.width) == 0;
}

int main(void) {
    static int (*const coders[])(uint32_t) = {run_length, context, planes};
    for (size_t coder = 0; coder < sizeof coders / sizeof *coders; coder++) {
        uint64_t digest = 0xCBF29CE484222325u;
        state = 1;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            if (!coders[coder](round)) {
                return 1 + (int)coder;
            }
            for (size_t i = 0; i < written; i++) {
                digest = (digest ^ payload[i]) * 0x100000001B3u;
            }
        }
        printf("%016llx\n", (unsigned long long)digest);
    }
    return 0;
}
