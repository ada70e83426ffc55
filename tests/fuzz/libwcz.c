/* Feeds mutated files to libwcz in random pieces. Entry point for libFuzzer, and a mutating main where it is absent:
 *
 *     python tools/amalgamate.py build/libwcz
 *     clang -std=c99 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Ibuild/libwcz \
 *         tests/fuzz/libwcz.c build/libwcz/wcz.c -o fuzz && ./fuzz CORPUS format_spec/vectors/valid
 *     cc -std=c99 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -DSTANDALONE -Ibuild/libwcz ... \
 *         -o fuzz && ./fuzz SECONDS SEED FILE...
 *
 * The last bytes of an input say how it is fed: sizes of the pieces, whether the checksums of its chunks are put right
 * first (or nothing behind them would be reached), and which request for memory fails. Each piece is a block of its own,
 * gone as soon as the decoder wants more. Findings: the sanitizers', a block not given back or given back twice, other
 * tensors or another error in pieces than as a whole, more memory than the limits allow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wcz.h"

#define MOST_MEMORY ((size_t)48 << 20)
#define TRAILER 6

typedef struct {
    long blocks, requests, fail_at;      /* fail_at 0: never */
    size_t nbytes;
} heap;

static void *allocate(void *context, size_t nbytes) {
    heap *h = (heap *)context;
    size_t *block;
    if (++h->requests == h->fail_at) {
        return NULL;
    }
    h->nbytes += nbytes;
    if (h->nbytes > MOST_MEMORY) {
        h->nbytes -= nbytes;
        return NULL;
    }
    block = (size_t *)malloc(nbytes + 16);
    if (!block) {
        exit(2);
    }
    h->blocks++;
    block[0] = nbytes;
    return block + 2;
}

static void release(void *context, void *data) {
    heap *h = (heap *)context;
    size_t *block = (size_t *)data - 2;
    h->blocks--;
    h->nbytes -= block[0];
    free(block);
}

/* -- what came of a file ----------------------------------------------------------------------------------------------- */

static uint64_t hashed(uint64_t hash, const void *data, size_t nbytes) {     /* FNV-1a */
    for (size_t i = 0; i < nbytes; i++) {
        hash = (hash ^ ((const unsigned char *)data)[i]) * 0x100000001B3u;
    }
    return hash;
}

static const unsigned NBYTES[] = {4, 2, 2, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 1};

static uint64_t hash_values(wcz_decoder *decoder, wcz_dtype dtype, uint64_t hash) {
    size_t nbytes = (size_t)wcz_current(decoder)->count * NBYTES[dtype];
    void *values = malloc(nbytes ? nbytes : 1);
    int error = wcz_read(decoder, dtype, values, nbytes);
    hash = hashed(hash, &error, sizeof error);
    hash = error ? hash : hashed(hash, values, nbytes);
    free(values);
    return hash;
}

static uint64_t hash_tensor(wcz_decoder *decoder, uint64_t hash, unsigned narrow) {
    const wcz_tensor *tensor = wcz_current(decoder);
    hash = hashed(hash, tensor->name, tensor->name_nbytes + 1);
    hash = hashed(hash, tensor->shape, sizeof tensor->shape);
    hash = hash_values(decoder, (wcz_dtype)tensor->dtype, hash);
    hash = hash_values(decoder, WCZ_FLOAT32, hash);
    for (unsigned i = 0; i < tensor->factor_count; i++) {
        const wcz_factor *factor = &tensor->factors[i];
        hash = hashed(hash, factor->data, (size_t)factor->count * NBYTES[factor->stored]);
        hash = hashed(hash, factor->steps, factor->step_count * sizeof(float));
        int error = wcz_narrow(decoder, i, narrow & 1 ? WCZ_INT8 : WCZ_INT16);
        hash = hashed(hash, &error, sizeof error);
        hash = hashed(hash, factor->data, (size_t)factor->count * NBYTES[factor->stored]);
    }
    return hash;
}

/* Error, and hash of all tensors, of a file in pieces of at most `piece` bytes; 0: as a whole. */
static int decode(const uint8_t *data, size_t size, size_t piece, long fail_at, uint64_t *hash) {
    static const wcz_limits limits = {1 << 20, 1 << 16, 1 << 16, 1 << 10, 1 << 10, 0, 1 << 14, 1 << 24};
    heap h = {0, 0, fail_at, 0};
    wcz_memory memory = {allocate, release, &h};
    wcz_decoder *decoder = wcz_open(&memory, &limits);
    wcz_result result = WCZ_NEED_MORE_INPUT;
    int error = WCZ_ERROR_MEMORY;
    *hash = 0xCBF29CE484222325u;
    for (size_t at = 0; decoder && result == WCZ_NEED_MORE_INPUT && at < size;) {
        size_t n = piece && piece < size - at ? 1 + (piece * (at + 7) * 2654435761u >> 8) % piece : size - at, left = n;
        uint8_t *copy = (uint8_t *)malloc(n);
        const uint8_t *next = copy;
        memcpy(copy, data + at, n);
        while ((result = wcz_decode(decoder, &next, &left)) == WCZ_TENSOR) {
            *hash = hash_tensor(decoder, *hash, (unsigned)size);
        }
        if (result == WCZ_NEED_MORE_INPUT && left) {
            abort();
        }
        at += n - left;
        free(copy);
    }
    if (decoder) {
        size_t value_nbytes = 0;
        (void)wcz_metadata(decoder, "licence", &value_nbytes);
        (void)wcz_finish(decoder);
        error = wcz_error(decoder);
        (void)wcz_error_name(error);
        wcz_close(decoder);
    }
    if (h.blocks || h.nbytes) {
        abort();
    }
    return error;
}

/* -- inputs ------------------------------------------------------------------------------------------------------------ */

static uint32_t crc32(const uint8_t *data, size_t nbytes) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < nbytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

/* Checksums of all chunks whose frames lie within the file. */
static void put_right(uint8_t *file, size_t size) {
    for (size_t at = 8; at + 2 < size;) {
        size_t head = at + 1, length = 0;
        for (unsigned shift = 0; head < size && shift < 21; shift += 7) {
            length |= (size_t)(file[head] & 0x7F) << shift;
            if (file[head++] < 0x80) {
                break;
            }
        }
        if (length + 4 > size - head) {
            return;
        }
        uint32_t crc = crc32(file + at, head + length - at);
        for (unsigned i = 0; i < 4; i++) {
            file[head + length + i] = (uint8_t)(crc >> 8 * i);
        }
        at = head + length + 4;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < TRAILER) {
        return 0;
    }
    const uint8_t *how = data + size - TRAILER;
    uint8_t *file = (uint8_t *)malloc(size);
    uint64_t whole, pieces, ignored;
    memcpy(file, data, size -= TRAILER);
    if (how[0] % 4) {
        put_right(file, size);
    }
    int error = decode(file, size, 0, 0, &whole);
    if (decode(file, size, 1 + how[1] + (size_t)(how[2] % 16 ? 0 : how[3] << 4), 0, &pieces) != error || pieces != whole) {
        abort();
    }
    if (how[4] % 4 == 0) {
        (void)decode(file, size, how[1], 1 + how[5] % 64, &ignored);
    }
    free(file);
    return 0;
}

#ifdef STANDALONE

#include "random_below.h"

#define MAX_INPUT 65536

static size_t mutated(uint8_t *input, size_t size) {
    for (uint32_t n = random_below(6); n > 0 && size > 0; n--) {
        uint32_t at = random_below((uint32_t)size), other = random_below((uint32_t)size);
        switch (random_below(7)) {
            case 0: input[at] ^= (uint8_t)(1u << random_below(8)); break;
            case 1: input[at] = (uint8_t)random_below(256); break;
            case 2: input[at] = random_below(2) ? 0xFF : 0; break;
            case 3: input[at] = (uint8_t)(input[at] + random_below(3) - 1); break;
            case 4: input[at] = input[other]; break;
            case 5: size = random_below(8) ? size : at; break;
            default: memmove(input + at, input + other, (size - (at > other ? at : other)) % 16);
        }
    }
    return size;
}

int main(int argc, char **argv) {
    static uint8_t input[MAX_INPUT + TRAILER];
    time_t end = time(NULL) + (argc > 1 ? atol(argv[1]) : 5);
    random_state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
    unsigned long inputs = 0;
    for (; argc > 3 && time(NULL) < end; inputs++) {
        FILE *file = fopen(argv[3 + random_below((uint32_t)argc - 3)], "rb");
        if (!file) {
            return 2;
        }
        size_t size = mutated(input, fread(input, 1, MAX_INPUT, file));
        fclose(file);
        for (unsigned i = 0; i < TRAILER; i++) {
            input[size++] = (uint8_t)random_below(256);
        }
        LLVMFuzzerTestOneInput(input, size);
    }
    printf("%lu inputs, no finding\n", inputs);
    return 0;
}

#endif
