/* The same random numbers on every machine, for harnesses and digests. */
#ifndef RANDOM_BELOW_H
#define RANDOM_BELOW_H

#include <stdint.h>

static uint64_t random_state; /* odd, or at least not 0 */

static uint32_t random_below(uint32_t bound) { /* xorshift64* (Marsaglia, 2003; Vigna, 2016) */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1DULL) >> 33) % bound;
}

#endif
