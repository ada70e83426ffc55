/* Binary range coder (coders.md, range coder): 32-bit interval, renormalised by 16 bits, carries written back.
 *
 * Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979).
 * Between two symbols range >= 2^16 holds on both sides, and code < range in the decoder of a valid payload.
 * Probabilities of a one are in units of 2^-16, within WCZ_LEAST_CHANCE .. 65536 - WCZ_LEAST_CHANCE: neither part of
 * the interval is ever empty, and one renormalisation a symbol is enough. Internal to the kernel.
 */
#ifndef WCZ_RANGE_CODER_H
#define WCZ_RANGE_CODER_H

#include "wcz_kernel.h"

#define WCZ_LEAST_CHANCE 4u
#define WCZ_EVEN_CHANCE 32768u
#define WCZ_MAX_STRIPPED 4u     /* trailing zero bytes that the encoder leaves out */

/* Where the zero's part of the interval ends; the one's part is above. */
static inline uint32_t wcz_split(uint32_t range, uint32_t chance_of_one) {
    return (uint32_t)(((uint64_t)range * (65536u - chance_of_one)) >> 16);
}

/* The first interval ends one number early: no encoder writes a payload that starts with four bytes of 255. */
static inline int wcz_outside(const uint8_t *payload, size_t size) {
    return size >= 4 && (payload[0] & payload[1] & payload[2] & payload[3]) == 255;
}

/* Bytes behind the last renormalisation, and the number in low .. low + range - 1 that they stand for, less low.
 * The fewest bytes that reach the interval: 2 are always enough, because range >= 2^16. */
static inline unsigned wcz_tail(uint32_t low, uint32_t range, uint32_t *distance) {
    *distance = 0u - low;
    if (*distance < range) {
        return 0;
    }
    *distance &= 0xFFFFFFu;
    if (*distance < range) {
        return 1;
    }
    *distance &= 0xFFFFu;
    return 2;
}

#endif
