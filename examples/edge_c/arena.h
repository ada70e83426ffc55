/* The memory of a device: one array, given out by libwcz's callbacks and counted. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

typedef struct {
    unsigned char *bytes;
    size_t size, used, peak;    /* `used` and `peak` count blocks with their heads */
} arena;

void arena_start(arena *a, void *bytes, size_t size);
void *arena_allocate(void *a, size_t nbytes);       /* NULL where there is no block so large */
void arena_release(void *a, void *block);

#endif
