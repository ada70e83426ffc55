/* The same symbols on every machine, for digests. */
#ifndef DIGEST_SYMBOLS_H
#define DIGEST_SYMBOLS_H

#include <stdint.h>

static uint32_t state; /* not 0 */

static uint32_t next(void) {     /* xorshift32 (Marsaglia, 2003) */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static int32_t symbol(uint32_t width) {
    uint32_t magnitude = (next() >> 1 >> next() % 32) >> (31 - width);
    return next() & 1 ? (int32_t)magnitude : -(int32_t)magnitude;
}

#endif
