/* A place for coded bits that only adds up their cost, symbol by symbol. Internal to the kernel. */
#ifndef WCZ_COST_METER_H
#define WCZ_COST_METER_H

#include "bits.h"
#include "log2_table.h"

typedef struct {
    uint64_t cost;         /* of all bits so far, in 2^-16 bit */
    uint64_t told;         /* what of it is in `costs` */
    uint32_t *costs;       /* of each symbol, where the next one goes; or NULL */
} cost_meter;

/* 16 - log2(chance), in 2^-16 bit; off by less than 2^-15 bit. */
static inline uint32_t meter_bit(cost_meter *to, uint32_t chance_of_one, uint32_t bit) {
    uint32_t chance = bit ? chance_of_one : 65536u - chance_of_one;
    unsigned exponent = wcz_log2(chance);
    uint32_t mantissa = (chance << (16 - exponent)) & 65535u;
    const uint32_t *cell = WCZ_LOG2 + (mantissa >> 9);
    to->cost += ((uint32_t)(16 - exponent) << 16) - cell[0] - (((cell[1] - cell[0]) * (mantissa & 511)) >> 9);
    return bit;
}

/* The bits since the last symbol are those of one symbol: below 2^32, as no symbol has more than a hundred decisions. */
static inline void meter_symbol(cost_meter *to) {
    if (to->costs) {
        *to->costs++ = (uint32_t)(to->cost - to->told);
        to->told = to->cost;
    }
}

#endif
