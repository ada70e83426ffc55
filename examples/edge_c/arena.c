/* First fit; a block is a head of two words and its bytes. Free neighbours are joined when memory is looked for. */
#include "arena.h"

#define HEAD 16

typedef struct {
    size_t size;    /* with the head */
    size_t taken;
} head;

static head *head_at(const arena *a, size_t at) {
    return (head *)(void *)(a->bytes + at);
}

void arena_start(arena *a, void *bytes, size_t size) {
    a->bytes = (unsigned char *)bytes;
    a->size = size & ~(size_t)(HEAD - 1);
    a->used = a->peak = 0;
    head_at(a, 0)->size = a->size;
    head_at(a, 0)->taken = 0;
}

void *arena_allocate(void *context, size_t nbytes) {
    arena *a = (arena *)context;
    size_t size = (nbytes + HEAD + HEAD - 1) & ~(size_t)(HEAD - 1);
    for (size_t at = 0; at < a->size; at += head_at(a, at)->size) {
        head *block = head_at(a, at);
        while (!block->taken && at + block->size < a->size && !head_at(a, at + block->size)->taken) {
            block->size += head_at(a, at + block->size)->size;
        }
        if (block->taken || block->size < size || size < nbytes) {
            continue;
        }
        if (block->size > size) {
            head_at(a, at + size)->size = block->size - size;
            head_at(a, at + size)->taken = 0;
            block->size = size;
        }
        block->taken = 1;
        a->used += size;
        a->peak = a->used > a->peak ? a->used : a->peak;
        return a->bytes + at + HEAD;
    }
    return NULL;
}

void arena_release(void *context, void *block) {
    arena *a = (arena *)context;
    head *released = head_at(a, (size_t)((unsigned char *)block - a->bytes) - HEAD);
    released->taken = 0;
    a->used -= released->size;
}
