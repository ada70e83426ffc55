/* Feeds mutated payloads to the decoder of round messages. Entry point for libFuzzer, and a mutating main without it:
 *
 *     clang -std=c99 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Iwcodec/native \
 *         tests/fuzz/temporal_decoder.c wcodec/native/temporal_[de]*.c -o fuzz && ./fuzz CORPUS
 *     cc -std=c99 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -DSTANDALONE -Iwcodec/native ... \
 *         -o fuzz && ./fuzz SECONDS SEED CORPUS
 *
 * An input is flags (1 heard, 2 own), the number of tensors, of each its rows and columns in two bytes and its kind in
 * one; then payloads, each after its length in two bytes, little-endian: messages of one sender, so that each is decoded
 * with the state and the memories that the ones before it left. A corpus is inputs, each after its length in four bytes.
 * Findings: the sanitizers', and a payload that is accepted though the encoder writes another one for its symbols.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wcz_temporal.h"

#define MOST_TENSORS 4
#define MOST_WEIGHTS ((size_t)1 << 14)

typedef struct {
    size_t rows, columns;
    unsigned kind;
    wcz_temporal_memory heard, own;
    int32_t *values;
} tensor;

typedef struct {
    tensor tensors[MOST_TENSORS];
    size_t count, weights, widest;
    int is_heard, is_own;
    uint32_t *scratch;
} sender;

static size_t number(const uint8_t *bytes) {
    return bytes[0] | (size_t)bytes[1] << 8;
}

/* A block of its own for each array, so that a step beyond any of them shows. */
static void *zeros(size_t count, size_t nbytes) {
    void *block = calloc(count, nbytes);
    if (!block) {
        exit(2);
    }
    return block;
}

static wcz_temporal_memory new_memory(size_t rows, size_t columns) {
    wcz_temporal_memory memory = {zeros(rows * columns, 2), zeros(rows * columns, 1), zeros(rows, 4),
                                  zeros(columns, 4), zeros(1, 4)};
    return memory;
}

static void free_memory(wcz_temporal_memory *memory) {
    free(memory->activity);
    free(memory->last);
    free(memory->rows);
    free(memory->columns);
    free(memory->mean);
}

static wcz_temporal_tensor described(const sender *s, size_t t) {
    const tensor *a = &s->tensors[t];
    wcz_temporal_tensor found = {a->rows, a->columns, a->kind, s->is_heard ? &a->heard : NULL,
                                 s->is_own ? &a->own : NULL};
    return found;
}

/* Bytes of the description; 0 where it is none or asks for too much. */
static size_t open_sender(sender *s, const uint8_t *data, size_t size) {
    memset(s, 0, sizeof *s);
    if (size < 2 || data[1] == 0 || data[1] > MOST_TENSORS || size < 2 + 5 * (size_t)data[1]) {
        return 0;
    }
    s->is_heard = data[0] & 1;
    s->is_own = data[0] >> 1 & 1;
    for (size_t t = 0, weights = 0; t < data[1]; t++) {
        size_t rows = number(data + 2 + 5 * t), columns = number(data + 4 + 5 * t);
        if (!rows || !columns || (weights += rows * columns) > MOST_WEIGHTS || data[6 + 5 * t] > 2) {
            return 0;
        }
    }
    for (; s->count < data[1]; s->count++) {
        tensor *a = &s->tensors[s->count];
        const uint8_t *text = data + 2 + 5 * s->count;
        a->rows = number(text);
        a->columns = number(text + 2);
        a->kind = text[4];
        a->heard = new_memory(a->rows, a->columns);
        a->own = new_memory(a->rows, a->columns);
        a->values = zeros(a->rows * a->columns, 4);
        s->weights += a->rows * a->columns;
        s->widest = a->columns > s->widest ? a->columns : s->widest;
    }
    s->scratch = zeros(wcz_temporal_scratch(s->widest), 4);
    return 2 + 5 * s->count;
}

static void close_sender(sender *s) {
    for (size_t t = 0; t < s->count; t++) {
        free_memory(&s->tensors[t].heard);
        free_memory(&s->tensors[t].own);
        free(s->tensors[t].values);
    }
    free(s->scratch);
}

static wcz_status decode(sender *s, wcz_temporal_decoder *decoder, const wcz_temporal_model *model,
                         const uint8_t *payload, size_t size) {
    wcz_status status = WCZ_OK;
    wcz_temporal_decode_start(decoder, payload, size);
    decoder->model = *model;
    for (size_t t = 0; t < s->count && status == WCZ_OK; t++) {
        wcz_temporal_tensor a = described(s, t);
        status = wcz_temporal_decode_tensor(decoder, &a, s->scratch, wcz_temporal_scratch(s->widest),
                                            s->tensors[t].values);
    }
    return status == WCZ_OK ? wcz_temporal_decode_end(decoder) : status;
}

/* The encoder's payload for the symbols must be the one that was accepted, and its state the decoder's. */
static void encode_again(sender *s, const wcz_temporal_decoder *decoder, const wcz_temporal_model *model,
                         const uint8_t *payload, size_t size) {
    wcz_temporal_encoder *encoder = zeros(1, sizeof *encoder);
    uint8_t *again = zeros(size + 16, 1);
    size_t written = 0;
    wcz_status status = WCZ_OK;
    wcz_temporal_encode_start(encoder, again, size + 16);
    encoder->model = *model;
    for (size_t t = 0; t < s->count && status == WCZ_OK; t++) {
        wcz_temporal_tensor a = described(s, t);
        status = wcz_temporal_encode_tensor(encoder, &a, s->scratch, wcz_temporal_scratch(s->widest),
                                            s->tensors[t].values);
    }
    if (status != WCZ_OK || wcz_temporal_encode_end(encoder, &written) != WCZ_OK || written != size ||
        memcmp(again, payload, size) != 0 || memcmp(&encoder->model, &decoder->model, sizeof *model) != 0) {
        fputs("the encoder writes another payload\n", stderr);
        abort();
    }
    free(again);
    free(encoder);
}

static void remember(sender *s) {
    for (size_t t = 0; t < s->count; t++) {
        tensor *a = &s->tensors[t];
        if (wcz_temporal_remember(&a->heard, a->rows, a->columns, s->scratch, s->widest, a->values) != WCZ_OK ||
            wcz_temporal_remember(&a->own, a->rows, a->columns, s->scratch, s->widest, a->values) != WCZ_OK) {
            abort();
        }
    }
}

/* How many messages of the input were accepted, up to the first that was not. */
static int accepted(const uint8_t *data, size_t size) {
    static wcz_temporal_decoder decoder;
    wcz_temporal_model model;
    sender s;
    size_t at = open_sender(&s, data, size);
    int count = 0;
    wcz_temporal_start(&model);
    while (at && at + 2 <= size) {
        size_t nbytes = number(data + at);
        at += 2;
        nbytes = nbytes < size - at ? nbytes : size - at;
        uint8_t *payload = malloc(nbytes + !nbytes);
        memcpy(payload, data + at, nbytes);
        at += nbytes;
        wcz_status status = decode(&s, &decoder, &model, payload, nbytes);
        if (status == WCZ_OK) {
            encode_again(&s, &decoder, &model, payload, nbytes);
            remember(&s);
            model = decoder.model;
            count++;
        }
        free(payload);
        if (status != WCZ_OK) {
            break;
        }
    }
    close_sender(&s);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    accepted(data, size);
    return 0;
}

#ifdef STANDALONE

#define MOST_BYTES 65536

#include "mutated.h"

int main(int argc, char **argv) {
    static uint8_t corpus[1 << 22], input[MOST_BYTES];
    static size_t starts[4096];
    FILE *file = argc > 3 ? fopen(argv[3], "rb") : NULL;
    size_t total = file ? fread(corpus, 1, sizeof corpus, file) : 0, count = 0;
    unsigned long inputs = 0, messages = 0, whole = 0;
    for (size_t at = 0; at + 4 <= total && count < 4096; at += 4 + number(corpus + at)) {
        starts[count++] = at;
        whole += (unsigned long)accepted(corpus + at + 4, number(corpus + at));
    }
    if (count == 0) {
        return 2;
    }
    fclose(file);
    random_state = strtoull(argv[2], NULL, 10) * 2 + 1;
    time_t end = time(NULL) + (time_t)atof(argv[1]);
    while (time(NULL) < end) {
        for (int i = 0; i < 20; i++, inputs++) {
            const uint8_t *chosen = corpus + starts[random_below((uint32_t)count)];
            memcpy(input, chosen + 4, number(chosen));
            messages += (unsigned long)accepted(input, mutated(input, number(chosen), MOST_BYTES, 24, 1));
        }
    }
    printf("%lu messages of the corpus, %lu inputs, %lu messages accepted, no finding\n", whole, inputs, messages);
    return 0;
}

#endif
