/* Codes fixed pseudo-random arrays with the mixing coder, decodes them, and prints a digest (FNV-1a) of all payloads:
 * the same for every compiler and every flag. */
#include <stdio.h>
#include <string.h>

#include "digest_symbols.h"
#include "wcz_kernel.h"

#define MOST 20000

int main(void) {
    static wcz_mixing_encoder encoder;
    static wcz_mixing_decoder decoder;
    static int32_t values[MOST], decoded[MOST];
    static uint8_t payload[8 * MOST];
    static uint32_t scratch[8 * MOST];
    uint64_t digest = 0xCBF29CE484222325u;
    state = 1;
    for (uint32_t round = 0; round < 60; round++) {
        wcz_view view = {1 + next() % 20, 1 + next() % 20, 1 + next() % 7, 1 + next() % 7, 0};
        size_t count = (size_t)(view.rows * view.channels * view.kernel_rows * view.kernel_columns), written = 0;
        for (size_t i = 0; i < count; i++) {
            values[i] = i >= 3 && next() % 3 ? values[i - 3] : symbol(round % 32);
        }
        wcz_mixing_encode_start(&encoder, payload, sizeof payload);
        wcz_mixing_decode_start(&decoder, payload, 0);
        if (wcz_mixing_encode_array(&encoder, &view, scratch, sizeof scratch, values, count) != WCZ_OK
            || wcz_mixing_encode_end(&encoder, &written) != WCZ_OK) {
            return 1;
        }
        wcz_mixing_decode_start(&decoder, payload, written);
        if (wcz_mixing_decode_array(&decoder, &view, scratch, sizeof scratch, decoded, count) != WCZ_OK
            || wcz_mixing_decode_end(&decoder) != WCZ_OK || memcmp(values, decoded, count * sizeof *values) != 0) {
            return 2;
        }
        for (size_t i = 0; i < written; i++) {
            digest = (digest ^ payload[i]) * 0x100000001B3u;
        }
    }
    printf("%016llx\n", (unsigned long long)digest);
    return 0;
}
