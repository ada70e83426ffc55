/* libwcz for WebAssembly: what wcz.js calls, and the memory that libwcz asks for. One decoder an instance. */
#include "wcz.h"

#define EXPORT(name) __attribute__((export_name(#name)))

/* -- memory: first fit in a list of free blocks by address, neighbours joined ------------------------------------------ */

typedef struct block {
    size_t size;                /* of the block with this head, a multiple of 16 */
    struct block *next;         /* of a free one */
} block;

extern unsigned char __heap_base;
static block *free_blocks;
static size_t heap_end, used, peak;

static void give_back(block *b) {
    block **at = &free_blocks;
    while (*at && *at < b) {
        at = &(*at)->next;
    }
    b->next = *at;
    *at = b;
    for (block *join = free_blocks; join && join->next;) {
        if ((size_t)join + join->size == (size_t)join->next) {
            join->size += join->next->size;
            join->next = join->next->next;
        } else {
            join = join->next;
        }
    }
}

static int grow(size_t size) {
    if (!heap_end) {
        heap_end = ((size_t)&__heap_base + 15) & ~(size_t)15;
    }
    size_t end = __builtin_wasm_memory_size(0) << 16;
    if (end - heap_end < size) {
        size_t pages = (size - (end - heap_end) + 65535) >> 16;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) {
            return 0;
        }
    }
    block *b = (block *)heap_end;
    b->size = size;
    heap_end += size;
    give_back(b);
    return 1;
}

static void *allocate(void *context, size_t nbytes) {
    size_t size = (nbytes + 16 + 15) & ~(size_t)15;
    (void)context;
    do {
        for (block **at = &free_blocks; *at; at = &(*at)->next) {
            block *b = *at;
            if (b->size >= size) {
                *at = b->next;
                if (b->size - size >= 32) {
                    block *rest = (block *)((size_t)b + size);
                    rest->size = b->size - size;
                    b->size = size;
                    give_back(rest);
                }
                used += b->size;
                peak = used > peak ? used : peak;
                return (void *)((size_t)b + 16);
            }
        }
    } while (grow(size));
    return NULL;
}

static void release(void *context, void *data) {
    block *b = (block *)((size_t)data - 16);
    (void)context;
    used -= b->size;
    give_back(b);
}

/* -- the decoder ------------------------------------------------------------------------------------------------------- */

static wcz_decoder *decoder;
static uint8_t *input;
static const uint8_t *next;
static size_t left, input_nbytes;
static void *values;

EXPORT(start) int start(void) {
    const wcz_memory memory = {allocate, release, NULL};
    decoder = wcz_open(&memory, NULL);
    return decoder != NULL;
}

/* Where the next piece of the file goes. The one before has been taken, so that its room can serve again. */
EXPORT(input) uint8_t *input_of(size_t nbytes) {
    if (nbytes > input_nbytes) {
        if (input) {
            release(NULL, input);
        }
        input = (uint8_t *)allocate(NULL, nbytes);
        input_nbytes = input ? nbytes : 0;
    }
    next = input;
    left = nbytes;
    return input;
}

EXPORT(decode) int decode(void) {
    return (int)wcz_decode(decoder, &next, &left);
}

EXPORT(finish) int finish(void) {
    return (int)wcz_finish(decoder);
}

EXPORT(error) int error(void) {
    return wcz_error(decoder);
}

EXPORT(error_name) const char *error_name(int number) {
    return wcz_error_name(number);
}

EXPORT(current) const wcz_tensor *current(void) {
    return wcz_current(decoder);
}

/* The current tensor's values, there until the next call; NULL where libwcz does not give them. */
EXPORT(read) void *read_values(int dtype, size_t nbytes) {
    if (values) {
        release(NULL, values);
    }
    values = allocate(NULL, nbytes);
    return values && wcz_read(decoder, (wcz_dtype)dtype, values, nbytes) == 0 ? values : NULL;
}

EXPORT(peak) size_t peak_nbytes(void) {
    return peak;
}

EXPORT(used) size_t used_nbytes(void) {
    return used;
}

EXPORT(close) void close_decoder(void) {
    wcz_close(decoder);
    if (values) {
        release(NULL, values);
    }
    if (input) {
        release(NULL, input);
    }
    decoder = NULL;
    values = input = NULL;
    input_nbytes = 0;
}
