/* Interleaved rANS over bytes (coders.md, rANS), after J. Duda, "Asymmetric numeral systems" (2009, 2014).
 *
 * A lane's state x is within 2^16 .. 2^32 - 1 between symbols. Probabilities are frequencies that add up to 2^12; none
 * is 2^12, so that one renormalisation by 16 bits a symbol is enough. Internal to the kernel.
 */
#ifndef WCZ_RANS_H
#define WCZ_RANS_H

#include "wcz_kernel.h"

#define RANS_BITS 12
#define RANS_TOTAL (1u << RANS_BITS)
#define RANS_LANES 4
#define RANS_LOW 65536u         /* least state, and where every lane of an encoder starts */

enum { PLANE_RAW = 0, PLANE_CONSTANT = 1, PLANE_RANS = 2 };

/* A slot of the decoder's table: symbol, frequency and distance from the symbol's first slot, in 8 + 12 + 12 bits. */
static inline uint32_t rans_slot(uint32_t symbol, uint32_t frequency, uint32_t distance) {
    return symbol | frequency << 8 | distance << 20;
}

/* The state before its symbol was coded; < 2^16 where a word must follow. frequency * 2^20 fits: it is below 2^12. */
static inline uint32_t rans_back(uint32_t state, uint32_t slot) {
    return (slot >> 8 & (RANS_TOTAL - 1)) * (state >> RANS_BITS) + (slot >> 20);
}

/* The state after a symbol, from one below frequency * 2^20. */
static inline uint32_t rans_forward(uint32_t state, uint32_t frequency, uint32_t start) {
    return (state / frequency << RANS_BITS) + start + state % frequency;
}

#endif
