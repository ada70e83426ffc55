/* Runs a network of dense layers from a .wcz file, as a device would that holds one layer at a time.
 *
 *     edge MODEL.wcz INPUT.f32
 *
 * The file comes through a buffer of 512 bytes, as from a flash chip or a radio. A kernel is used as it was coded, as
 * integers and a step; a layer's input is forgotten when its output is there. Tensors that come before their layer does
 * (small ones ride together) are kept. Prints the outputs, one a line, then what memory it took.
 *
 * The network: kernel (inputs, outputs) and bias (outputs) for each layer, in this order, rectified but for the last.
 */
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "wcz.h"

#define READ_NBYTES 512
#define MEMORY_NBYTES (2048 * 1024)  /* what rans takes; with other coders half a megabyte will do */
#define MAX_TENSORS 64
#define MAX_WIDTH 1024

typedef struct {
    arena memory;
    float *kept[MAX_TENSORS];           /* tensors whose turn has not come: float32, row-major */
    uint32_t shapes[MAX_TENSORS][2];
    uint32_t next;                      /* position of the tensor whose turn it is */
    uint32_t width;                     /* of the activations */
    float activations[2][MAX_WIDTH];
} network;

static union {
    unsigned char bytes[MEMORY_NBYTES];
    double aligned;
} memory;

/* -- layers ------------------------------------------------------------------------------------------------------------ */

/* Before any layer but the first; bias and activation are one step. */
static void rectify(network *n) {
    for (uint32_t i = 0; i < n->width; i++) {
        n->activations[0][i] = n->activations[0][i] > 0 ? n->activations[0][i] : 0;
    }
}

/* Output j: the sum of inputs times kernel[i, j], by whatever strides. */
static float dot_float(const network *n, const float *kernel, size_t stride) {
    float sum = 0;
    for (uint32_t i = 0; i < n->width; i++) {
        sum += n->activations[0][i] * kernel[i * stride];
    }
    return sum;
}

static float dot_symbols(const network *n, const int32_t *symbols, size_t stride) {
    float sum = 0;
    for (uint32_t i = 0; i < n->width; i++) {
        sum += n->activations[0][i] * (float)symbols[i * stride];
    }
    return sum;
}

static void end_kernel(network *n, uint32_t outputs) {
    memcpy(n->activations[0], n->activations[1], outputs * sizeof(float));
    n->width = outputs;
}

/* A kernel as it was coded: one step for all of it, or one for each output. */
static int apply_coded(network *n, const wcz_factor *kernel) {
    if (n->next) {
        rectify(n);
    }
    for (uint32_t j = 0; j < kernel->shape[1]; j++) {
        const int32_t *symbols = (const int32_t *)kernel->data + (size_t)j * kernel->strides[1];
        float step = kernel->steps[(size_t)j * kernel->step_strides[1]];
        n->activations[1][j] = dot_symbols(n, symbols, kernel->strides[0]) * step;
    }
    end_kernel(n, kernel->shape[1]);
    return 1;
}

static void apply_values(network *n, const float *values, const uint32_t *shape, unsigned is_kernel) {
    if (!is_kernel) {
        for (uint32_t j = 0; j < n->width; j++) {
            n->activations[0][j] += values[j];
        }
        return;
    }
    if (n->next) {
        rectify(n);
    }
    for (uint32_t j = 0; j < shape[1]; j++) {
        n->activations[1][j] = dot_float(n, values + j, shape[1]);
    }
    end_kernel(n, shape[1]);
}

/* -- tensors ----------------------------------------------------------------------------------------------------------- */

/* Whether a tensor can be the one at its place: kernels at even places. */
static int fits(const wcz_tensor *t) {
    return t->position < MAX_TENSORS && t->rank == (t->position % 2 ? 1 : 2) && t->shape[0] <= MAX_WIDTH &&
           (t->rank == 1 || t->shape[1] <= MAX_WIDTH);
}

static int keep(network *n, wcz_decoder *decoder, const wcz_tensor *t) {
    float *values = (float *)arena_allocate(&n->memory, t->count * sizeof(float));
    if (!values || wcz_read(decoder, WCZ_FLOAT32, values, t->count * sizeof(float))) {
        return 0;
    }
    n->kept[t->position] = values;
    memcpy(n->shapes[t->position], t->shape, sizeof n->shapes[0]);
    return 1;
}

/* All layers whose tensors are there. */
static int advance(network *n) {
    for (; n->next < MAX_TENSORS && n->kept[n->next]; n->next++) {
        if (n->shapes[n->next][0] != n->width) {
            return 0;
        }
        apply_values(n, n->kept[n->next], n->shapes[n->next], n->next % 2 == 0);
        arena_release(&n->memory, n->kept[n->next]);
    }
    return 1;
}

static int take_tensor(network *n, wcz_decoder *decoder) {
    const wcz_tensor *t = wcz_current(decoder);
    const wcz_factor *f = &t->factors[0];
    if (!fits(t)) {
        return 0;
    }
    if (t->position == n->next && t->kind == 0 && t->rank == 2 && f->form == WCZ_QUANTIZED && f->step_strides[0] == 0 &&
        t->shape[0] == n->width) {
        (void)apply_coded(n, f);
        n->next++;
        return advance(n);
    }
    return keep(n, decoder, t) && advance(n);
}

/* -- the file ---------------------------------------------------------------------------------------------------------- */

/* What a tensor took beside what is still there: the state of its coder. */
static void print_memory(const network *n, const wcz_tensor *t, size_t before) {
    printf("%s (", t->name);
    for (unsigned i = 0; i < t->rank; i++) {
        printf("%s%u", i ? ", " : "", (unsigned)t->shape[i]);
    }
    printf("): coder %zu, values %zu bytes\n", n->memory.peak - before, t->count * sizeof(int32_t));
}

static int run(network *n, FILE *file) {
    const wcz_memory callbacks = {arena_allocate, arena_release, &n->memory};
    unsigned char buffer[READ_NBYTES];
    const uint8_t *next = buffer;
    size_t nbytes = 0, most = 0;
    wcz_decoder *decoder = wcz_open(&callbacks, NULL);
    wcz_result result = WCZ_NEED_MORE_INPUT;
    while (decoder && result != WCZ_END && result != WCZ_ERROR) {
        n->memory.peak = n->memory.used;
        result = wcz_decode(decoder, &next, &nbytes);
        most = n->memory.peak > most ? n->memory.peak : most;
        if (result == WCZ_TENSOR) {
            print_memory(n, wcz_current(decoder), n->memory.used);
            if (!take_tensor(n, decoder)) {
                fprintf(stderr, "edge: %s is no layer of this network, or memory is short\n", wcz_current(decoder)->name);
                return 1;
            }
            most = n->memory.peak > most ? n->memory.peak : most;
        } else if (result == WCZ_NEED_MORE_INPUT) {
            next = buffer;
            nbytes = fread(buffer, 1, sizeof buffer, file);
            result = nbytes ? result : wcz_finish(decoder);
        }
    }
    if (result != WCZ_END) {
        fprintf(stderr, "edge: %s\n", decoder ? wcz_error_name(wcz_error(decoder)) : "out of memory");
        return 1;
    }
    wcz_close(decoder);
    printf("memory: %zu bytes at most, beside %zu of activations and %d of input\n", most, sizeof n->activations,
           READ_NBYTES);
    return 0;
}

int main(int argc, char **argv) {
    static network n;
    FILE *model = argc == 3 ? fopen(argv[1], "rb") : NULL, *input = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!model || !input) {
        fprintf(stderr, "usage: edge MODEL.wcz INPUT.f32\n");
        return 2;
    }
    arena_start(&n.memory, memory.bytes, sizeof memory);
    n.width = (uint32_t)fread(n.activations[0], sizeof(float), MAX_WIDTH, input);
    if (run(&n, model)) {
        return 1;
    }
    for (uint32_t i = 0; i < n.width; i++) {
        printf("%.9g\n", (double)n.activations[0][i]);
    }
    return 0;
}
