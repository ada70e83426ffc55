/* Feeds mutated payloads to the native decoders. Entry point for libFuzzer, and a mutating main where it is absent:
 *
 *     cc -std=c99 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -DSTANDALONE -Iwcodec/native \
 *         tests/fuzz/native_decoders.c wcodec/native/[a-z]*.c -o fuzz && ./fuzz SECONDS SEED
 *     clang -std=c99 -g -O1 -fsanitize=fuzzer,address,undefined -Iwcodec/native ... -o fuzz && ./fuzz
 *
 * Every buffer has exactly the size that its decoder is told. What the context and mixing decoders accept must be
 * what their encoders write; any other finding is the sanitizers'.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wcz_kernel.h"

#define DECODERS 4
#define HEADER 6    /* decoder, and what it is told besides the payload */

/* A buffer of `count` items with nothing behind them that may be touched. */
static void *exact(size_t count, size_t item) {
    void *buffer = malloc(count * item);
    if (!buffer && count && item) {
        exit(2);
    }
    return buffer;
}

static void run_length(const uint8_t *header, const uint8_t *payload, size_t size) {
    wcz_run_length_format format = {header[1] % 33 - 1, header[2] % 33 - 1, header[3] & 1};
    size_t count = (size_t)header[4] << 4 | (header[5] & 15), consumed = 0;
    int32_t *values = exact(count, sizeof *values);
    if (wcz_run_length_decode(payload, size, &format, values, count, &consumed) == WCZ_OK && consumed > size) {
        abort();
    }
    free(values);
}

static wcz_view view_from(const uint8_t *header) {
    wcz_view view = {header[1] % 9, header[2] % 9, header[3] % 6, header[4] % 6, header[5] & 1};
    return view;
}

static size_t elements(const wcz_view *view) {
    return (size_t)(view->rows * view->channels * view->kernel_rows * view->kernel_columns);
}

static wcz_status encode_context(const wcz_view *view, const int32_t *values, uint8_t *payload, size_t capacity,
                                 size_t *written) {
    static wcz_context_encoder encoder;
    size_t column_count = wcz_context_columns(view);
    uint16_t *columns = exact(column_count, sizeof *columns);
    wcz_context_encode_start(&encoder, payload, capacity);
    wcz_status status = wcz_context_encode_array(&encoder, view, columns, column_count, values, elements(view));
    if (status == WCZ_OK) {
        status = wcz_context_encode_array(&encoder, view, columns, column_count, values, elements(view));
    }
    if (status == WCZ_OK) {
        status = wcz_context_encode_end(&encoder, written);
    }
    free(columns);
    return status;
}

/* Two arrays of one view, the second equal to the first in the encoder's corpus. */
static void context(const uint8_t *header, const uint8_t *payload, size_t size) {
    static wcz_context_decoder decoder;
    wcz_view view = view_from(header);
    size_t count = elements(&view), column_count = wcz_context_columns(&view), written = 0;
    int32_t *first = exact(count, sizeof *first), *second = exact(count, sizeof *second);
    uint16_t *columns = exact(column_count, sizeof *columns);
    uint8_t *again = exact(size + 8, 1);     /* room for the zeros that the encoder strips */
    wcz_context_decode_start(&decoder, payload, size);
    int accepted = wcz_context_decode_array(&decoder, &view, columns, column_count, first, count) == WCZ_OK
                   && wcz_context_decode_array(&decoder, &view, columns, column_count, second, count) == WCZ_OK
                   && wcz_context_decode_end(&decoder) == WCZ_OK;
    if (accepted && (count == 0 || memcmp(first, second, count * sizeof *first) == 0)) {
        wcz_status status = encode_context(&view, first, again, size + 8, &written);
        if (status != WCZ_OK || written != size || (size && memcmp(again, payload, size) != 0)) {
            abort();
        }
    }
    free(first);
    free(second);
    free(columns);
    free(again);
}

static wcz_status encode_mixing(const wcz_view *view, const int32_t *values, uint8_t *payload, size_t capacity,
                                size_t *written) {
    static wcz_mixing_encoder encoder;
    size_t count = elements(view), scratch_size = wcz_mixing_scratch(view);
    void *scratch = exact(scratch_size, 1);
    wcz_mixing_encode_start(&encoder, payload, capacity);
    wcz_status status = wcz_mixing_encode_array(&encoder, view, scratch, scratch_size, values, count);
    if (status == WCZ_OK) {
        status = wcz_mixing_encode_array(&encoder, view, scratch, scratch_size, values, count);
    }
    if (status == WCZ_OK) {
        status = wcz_mixing_encode_end(&encoder, written);
    }
    free(scratch);
    return status;
}

/* As context. */
static void mixing(const uint8_t *header, const uint8_t *payload, size_t size) {
    static wcz_mixing_decoder decoder;
    wcz_view view = view_from(header);
    size_t count = elements(&view), scratch_size = wcz_mixing_scratch(&view), written = 0;
    int32_t *first = exact(count, sizeof *first), *second = exact(count, sizeof *second);
    void *scratch = exact(scratch_size, 1);
    uint8_t *again = exact(size + 8, 1);     /* room for the zeros that the encoder strips */
    wcz_mixing_decode_start(&decoder, payload, size);
    int accepted = wcz_mixing_decode_array(&decoder, &view, scratch, scratch_size, first, count) == WCZ_OK
                   && wcz_mixing_decode_array(&decoder, &view, scratch, scratch_size, second, count) == WCZ_OK
                   && wcz_mixing_decode_end(&decoder) == WCZ_OK;
    if (accepted && (count == 0 || memcmp(first, second, count * sizeof *first) == 0)) {
        wcz_status status = encode_mixing(&view, first, again, size + 8, &written);
        if (status != WCZ_OK || written != size || (size && memcmp(again, payload, size) != 0)) {
            abort();
        }
    }
    free(first);
    free(second);
    free(scratch);
    free(again);
}

/* Elements as the header says, in a buffer of exactly their size: up to 16 K of them, or as many as have 32 lanes. */
static wcz_elements elements_from(const uint8_t *header) {
    wcz_elements elements = {NULL, (size_t)header[1] << 6 | (header[2] & 63), 1u << header[3] % 4,
                             header[3] % 4 ? (wcz_fold)(header[3] / 4 % 3) : WCZ_FOLD_NONE};
    elements.count += header[4] % 4 ? 0 : WCZ_PLANE_BLOCK / 2;
    elements.data = exact(elements.count, elements.width);
    return elements;
}

/* Both paths must give the same status and elements. */
static void planes(const uint8_t *header, const uint8_t *payload, size_t size) {
    static uint32_t slots[WCZ_PLANE_SLOTS];
    wcz_elements first = elements_from(header), second = elements_from(header);
    wcz_plane_path avx2 = wcz_plane_avx2() ? wcz_plane_avx2() : wcz_plane_portable;
    size_t room = wcz_plane_room(&first), consumed = 0, consumed_again = 0;
    uint8_t *scratch = exact(room, 1);
    wcz_status status = wcz_plane_decode(wcz_plane_portable, payload, size, slots, scratch, &first, &consumed);
    if (wcz_plane_decode(avx2, payload, size, slots, scratch, &second, &consumed_again) != status) {
        abort();
    }
    if (status == WCZ_OK && (consumed > size || consumed_again != consumed
                             || (first.count && memcmp(first.data, second.data, first.count * first.width)))) {
        abort();
    }
    free(scratch);
    free(first.data);
    free(second.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const decoders[DECODERS])(const uint8_t *, const uint8_t *, size_t) = {
        run_length, context, mixing, planes,
    };
    if (size >= HEADER) {
        uint8_t *payload = exact(size - HEADER, 1);
        if (size > HEADER) {
            memcpy(payload, data + HEADER, size - HEADER);
        }
        decoders[data[0] % DECODERS](data, payload, size - HEADER);
        free(payload);
    }
    return 0;
}

#ifdef STANDALONE

#include "random_below.h"

#define MAX_INPUT 6000

static int32_t random_symbol(uint32_t rate) {
    if (random_below(4) >= rate) {
        return 0;
    }
    int32_t magnitude = (int32_t)(random_below(0x7FFFFFFF) >> random_below(32));
    return random_below(2) ? magnitude : -magnitude;
}

/* Elements under a chosen header, coded behind it; few enough, or skewed enough, to fit. */
static size_t valid_planes(uint8_t *input) {
    static wcz_plane_scratch scratch;
    uint32_t wide = input[4] % 4 == 0, spread = wide ? 2 : 1 + random_below(40);
    input[1] &= wide ? 1 : 31;
    wcz_elements elements = elements_from(input);
    size_t nbytes = elements.count * elements.width, capacity = wcz_plane_bound(&elements), written = 0;
    uint8_t *planes = exact(wcz_plane_room(&elements), 1), *payload = exact(capacity, 1);
    for (size_t i = 0; i < nbytes; i++) {
        uint8_t value = (uint8_t)(random_below(spread) + random_below(spread));
        ((uint8_t *)elements.data)[i] = wide && (i % elements.width || random_below(40)) ? 0 : value;
    }
    if (wcz_plane_encode(&elements, &scratch, planes, payload, capacity, &written) != WCZ_OK) {
        abort();
    }
    written = written < MAX_INPUT - HEADER ? written : MAX_INPUT - HEADER;
    memcpy(input + HEADER, payload, written);
    free(planes);
    free(payload);
    free(elements.data);
    return written;
}

/* A valid input for one of the decoders; its size. */
static size_t valid_input(uint8_t *input) {
    static int32_t values[9 * 9 * 6 * 6];
    size_t written = 0;
    for (int i = 0; i < HEADER; i++) {
        input[i] = (uint8_t)random_below(256);
    }
    uint32_t rate = random_below(5);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        values[i] = random_symbol(rate);
    }
    if (input[0] % DECODERS == 0) {
        wcz_run_length_format format = {(int32_t)random_below(6) - 1, (int32_t)random_below(31) - 1, input[3] & 1};
        input[1] = (uint8_t)(format.run_code + 1);
        input[2] = (uint8_t)(format.magnitude_code + 1);
        input[4] = (uint8_t)random_below(8);
        wcz_run_length_encode(values, (size_t)input[4] << 4 | (input[5] & 15), &format, input + HEADER,
                              MAX_INPUT - HEADER, &written);
    } else if (input[0] % DECODERS == 1) {
        wcz_view view = view_from(input);
        encode_context(&view, values, input + HEADER, MAX_INPUT - HEADER, &written);
    } else if (input[0] % DECODERS == 2) {
        wcz_view view = view_from(input);
        encode_mixing(&view, values, input + HEADER, MAX_INPUT - HEADER, &written);
    } else {
        written = valid_planes(input);
    }
    return HEADER + written;
}

static size_t mutated(uint8_t *input, size_t size) {
    for (uint32_t n = random_below(5); n > 0 && size > 0; n--) {
        uint32_t at = random_below((uint32_t)size);
        switch (random_below(5)) {
            case 0: input[at] ^= (uint8_t)(1u << random_below(8)); break;
            case 1: input[at] = (uint8_t)random_below(256); break;
            case 2: input[at] = random_below(2) ? 0xFF : 0; break;
            case 3: size = at; break;
            default:
                while (size < MAX_INPUT && random_below(8)) {
                    input[size++] = (uint8_t)random_below(256);
                }
        }
    }
    return size;
}

int main(int argc, char **argv) {
    static uint8_t input[MAX_INPUT];
    double seconds = argc > 1 ? atof(argv[1]) : 5;
    random_state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
    time_t end = time(NULL) + (time_t)seconds;
    unsigned long inputs = 0;
    while (time(NULL) < end) {
        for (int i = 0; i < 200; i++, inputs++) {
            LLVMFuzzerTestOneInput(input, mutated(input, valid_input(input)));
        }
    }
    printf("%lu inputs, no finding\n", inputs);
    return 0;
}

#endif
