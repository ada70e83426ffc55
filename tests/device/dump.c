/* Everything that libwcz gives of a file, as text: `dump PIECE FILE...` feeds each file in pieces of PIECE bytes (0: as a
 * whole). Each piece is a block of its own that is overwritten as soon as the contract allows.
 *
 * Lines: "tensor NAME DTYPE KIND SHAPE VALUES", the values as row-major hexadecimal, or an error of wcz_read;
 * "float32 VALUES"; "factor NAME DTYPE SHAPE VALUES", as the caller makes them from data and steps; at the end
 * "metadata VALUE" of the key "licence", "end" or "error NUMBER", and "left N" blocks that were not given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wcz.h"

static long blocks;

static void *allocate(void *context, size_t nbytes) {
    (void)context;
    blocks++;
    return malloc(nbytes);
}

static void release(void *context, void *block) {
    (void)context;
    blocks--;
    free(block);
}

static const unsigned NBYTES[] = {4, 2, 2, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 1};

static void print_hex(const void *data, size_t nbytes) {
    for (size_t i = 0; i < nbytes; i++) {
        printf("%02x", ((const unsigned char *)data)[i]);
    }
    putchar(nbytes ? '\n' : '-');
    if (!nbytes) {
        putchar('\n');
    }
}

static void print_shape(const uint32_t *shape, unsigned rank) {
    putchar('(');
    for (unsigned i = 0; i < rank; i++) {
        printf("%s%u", i ? "," : "", (unsigned)shape[i]);
    }
    printf(") ");
}

static void print_values(wcz_decoder *decoder, const wcz_tensor *tensor, wcz_dtype dtype) {
    size_t nbytes = (size_t)tensor->count * NBYTES[dtype];
    void *values = malloc(nbytes + 1);
    int error = wcz_read(decoder, dtype, values, nbytes);
    if (error) {
        printf("error %d\n", error);
    } else {
        print_hex(values, nbytes);
    }
    free(values);
}

/* As a caller that uses the factors would: data and steps by their strides. */
static void print_factor(const wcz_factor *factor) {
    printf("factor %s %u ", factor->name, factor->form == WCZ_QUANTIZED ? 0u : (unsigned)factor->stored);
    print_shape(factor->shape, factor->rank);
    for (uint32_t i = 0; i < factor->count; i++) {
        size_t place = 0, step = 0;
        uint32_t rest = i;
        for (unsigned axis = factor->rank; axis-- > 0; rest /= factor->shape[axis]) {
            place += (size_t)(rest % factor->shape[axis]) * factor->strides[axis];
            step += (size_t)(rest % factor->shape[axis]) * factor->step_strides[axis];
        }
        const unsigned char *element = (const unsigned char *)factor->data + place * NBYTES[factor->stored];
        unsigned char value[8];
        memcpy(value, element, NBYTES[factor->stored]);
        if (factor->form == WCZ_QUANTIZED) {
            int32_t symbol;
            memcpy(&symbol, element, sizeof symbol);
            float product = (float)symbol * factor->steps[step];
            memcpy(value, &product, sizeof product);
        }
        for (unsigned j = 0; j < NBYTES[factor->stored]; j++) {
            printf("%02x", value[j]);
        }
    }
    printf("%s\n", factor->count ? "" : "-");
}

static void print_tensor(wcz_decoder *decoder) {
    const wcz_tensor *tensor = wcz_current(decoder);
    printf("tensor ");
    for (size_t i = 0; i < tensor->name_nbytes; i++) {
        printf("%02x", (unsigned char)tensor->name[i]);
    }
    printf("%s %u %u ", tensor->name_nbytes ? "" : "-", tensor->dtype, (unsigned)tensor->kind);
    print_shape(tensor->shape, tensor->rank);
    print_values(decoder, tensor, (wcz_dtype)tensor->dtype);
    printf("float32 ");
    print_values(decoder, tensor, WCZ_FLOAT32);
    for (unsigned i = 0; i < tensor->factor_count; i++) {
        print_factor(&tensor->factors[i]);
    }
}

/* Decodes until the decoder wants more; 0 at the end, 1 otherwise. */
static int feed(wcz_decoder *decoder, const unsigned char *data, size_t nbytes, size_t piece, size_t *taken) {
    size_t size = !piece || piece > nbytes - *taken ? nbytes - *taken : piece, left = size;
    uint8_t *copy = (uint8_t *)malloc(size + 1);
    const uint8_t *next = copy;
    wcz_result result;
    memcpy(copy, data + *taken, size);
    while ((result = wcz_decode(decoder, &next, &left)) == WCZ_TENSOR) {
        print_tensor(decoder);
    }
    *taken += size - left;
    memset(copy, 0x55, size);
    free(copy);
    return result == WCZ_NEED_MORE_INPUT || (result == WCZ_END && *taken < nbytes);
}

static void dump(const unsigned char *data, size_t nbytes, size_t piece) {
    wcz_memory memory = {allocate, release, NULL};
    wcz_decoder *decoder = wcz_open(&memory, NULL);
    size_t taken = 0, value_nbytes = 0;
    while (feed(decoder, data, nbytes, piece, &taken) && taken < nbytes) {
    }
    const char *value = wcz_metadata(decoder, "licence", &value_nbytes);
    if (value) {
        printf("metadata %.*s\n", (int)value_nbytes, value);
    }
    if (!wcz_error(decoder)) {
        wcz_finish(decoder);
    }
    if (wcz_error(decoder)) {
        printf("error %d\n", wcz_error(decoder));
    } else {
        printf("end\n");
    }
    wcz_close(decoder);
    printf("left %ld\n", blocks);
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        unsigned char *data = (unsigned char *)malloc(1 << 24);
        if (!file || !data) {
            return 2;
        }
        size_t nbytes = fread(data, 1, 1 << 24, file);
        fclose(file);
        printf("file %s\n", argv[i]);
        dump(data, nbytes, (size_t)atoi(argv[1]));
        free(data);
    }
    return 0;
}
