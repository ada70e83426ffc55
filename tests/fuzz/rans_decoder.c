/* Feeds mutated payloads to the rans decoder. Entry point for libFuzzer, and a mutating main where it is absent:
 *
 *     cc -std=c99 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -DSTANDALONE -Iwcodec/native \
 *         tests/fuzz/rans_decoder.c wcodec/native/[a-z]*.c -o fuzz && ./fuzz SECONDS SEED CORPUS
 *
 * An input is two bytes for each of rows, channels, kernel and line, then a payload of that one array. A corpus is
 * inputs, each after its length in four bytes, little-endian. Both paths must give the same status and values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wcz_rans.h"

#define HEADER 8
#define MOST_ELEMENTS ((size_t)1 << 16)

static size_t number(const uint8_t *bytes) {
    return bytes[0] | (size_t)bytes[1] << 8;
}

/* One array into `out`, which has exactly its size; the decoder's status, and that of its end. */
static wcz_status decode(const wcz_rans_path *path, const uint8_t *payload, size_t size, const wcz_rans_shape *shape,
                         const wcz_rans_sink *sink) {
    static wcz_rans_decoder decoder;
    size_t scratch_size = wcz_rans_scratch(shape);
    void *scratch = malloc(scratch_size);
    wcz_status status = wcz_rans_open(&decoder, path, payload, size);
    if (status == WCZ_OK) {
        status = wcz_rans_read(&decoder, shape, sink, scratch, scratch_size);
    }
    if (status == WCZ_OK) {
        status = wcz_rans_close(&decoder);
    }
    free(scratch);
    return status;
}

static void decode_as(wcz_rans_type type, const uint8_t *payload, size_t size, const wcz_rans_shape *shape) {
    static const size_t SIZES[] = {1, 2, 4, 4};
    const float step = 0.5f;
    size_t nbytes = shape->rows * shape->channels * shape->kernel * SIZES[type];
    uint8_t *first = malloc(nbytes), *second = malloc(nbytes);
    const wcz_rans_path *avx2 = wcz_rans_avx2();
    wcz_rans_sink sink = {type, first, &step, 1};
    wcz_status status = decode(&wcz_rans_portable, payload, size, shape, &sink);
    sink.data = second;
    if (avx2 && (decode(avx2, payload, size, shape, &sink) != status ||
                 (status == WCZ_OK && memcmp(first, second, nbytes) != 0))) {
        abort();
    }
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= HEADER) {
        const wcz_rans_shape shape = {number(data), number(data + 2), number(data + 4), number(data + 6)};
        size_t columns = shape.channels * shape.kernel;     /* < 2^32 */
        if (columns && shape.rows && shape.line && columns <= MOST_ELEMENTS / shape.rows) {
            uint8_t *payload = malloc(size - HEADER + !(size - HEADER));
            memcpy(payload, data + HEADER, size - HEADER);
            for (int type = WCZ_RANS_INT8; type <= WCZ_RANS_FLOAT32; type++) {
                decode_as((wcz_rans_type)type, payload, size - HEADER, &shape);
            }
            free(payload);
        }
    }
    return 0;
}

#ifdef STANDALONE

#include "mutated.h"

#define MOST_BYTES 65536

int main(int argc, char **argv) {
    static uint8_t corpus[1 << 22], input[MOST_BYTES];
    static size_t starts[4096];
    FILE *file = argc > 3 ? fopen(argv[3], "rb") : NULL;
    size_t total = file ? fread(corpus, 1, sizeof corpus, file) : 0, count = 0;
    for (size_t at = 0; at + 4 <= total && count < 4096; at += 4 + number(corpus + at)) {
        starts[count++] = at;
    }
    if (count == 0) {
        return 2;
    }
    fclose(file);
    random_state = strtoull(argv[2], NULL, 10) * 2 + 1;
    time_t end = time(NULL) + (time_t)atof(argv[1]);
    unsigned long inputs = 0;
    while (time(NULL) < end) {
        for (int i = 0; i < 20; i++, inputs++) {
            const uint8_t *chosen = corpus + starts[random_below((uint32_t)count)];
            memcpy(input, chosen + 4, number(chosen));
            LLVMFuzzerTestOneInput(input, mutated(input, number(chosen), MOST_BYTES, 40, 2));
        }
    }
    printf("%lu inputs, no finding\n", inputs);
    return 0;
}

#endif
