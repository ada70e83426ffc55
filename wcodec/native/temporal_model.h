/* The model of round messages (format_spec/messages.md, temporal coder): the chance of each decision, and how it learns.
 *
 * Integers only; each line that could overflow says why it does not. Right shifts of negative numbers are arithmetic.
 * Internal to the kernel.
 */
#ifndef WCZ_TEMPORAL_MODEL_H
#define WCZ_TEMPORAL_MODEL_H

#include "bits.h"
#include "range_coder.h"
#include "wcz_temporal.h"

enum {
    MAX_ODDS = 3455,          /* binary log-odds in 1/256: 13.5 bits, chances of 6 .. 65530 */
    MAX_WEIGHT = 1 << 18,     /* of a mixer, in 2^-16 */
    BIAS = 128,               /* the constant input of every mixer */
    RATE = 23,                /* of mixers; the sign's decisions are few and learn faster */
    SIGN_RATE = 114,
    LIMIT = 255,              /* of a counter's count */
    SIGN_LIMIT = 127,
    CLIPPED = 15,             /* magnitudes count as at most this in all means */
    LEVELS = 13,              /* of an activity */
    INPUTS = 4
};

static inline int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

/* 256 * log2(1 + i / 64) and 65536 * 2^(-i / 64), rounded. */
static const uint16_t LOG_MANTISSA[65] = {
    0, 6, 11, 17, 22, 28, 33, 38, 44, 49, 54, 59, 63, 68, 73, 78, 82, 87, 92, 96, 100, 105,
    109, 113, 118, 122, 126, 130, 134, 138, 142, 146, 150, 154, 157, 161, 165, 169, 172, 176, 179, 183, 186, 190,
    193, 197, 200, 203, 207, 210, 213, 216, 220, 223, 226, 229, 232, 235, 238, 241, 244, 247, 250, 253, 256,
};
static const uint32_t POWERS[65] = {
    65536, 64830, 64132, 63441, 62757, 62081, 61413, 60751, 60097, 59449, 58809, 58176, 57549, 56929, 56316, 55709,
    55109, 54515, 53928, 53347, 52773, 52204, 51642, 51085, 50535, 49991, 49452, 48920, 48393, 47871, 47356, 46846,
    46341, 45842, 45348, 44859, 44376, 43898, 43425, 42958, 42495, 42037, 41584, 41136, 40693, 40255, 39821, 39392,
    38968, 38548, 38133, 37722, 37316, 36914, 36516, 36123, 35734, 35349, 34968, 34591, 34219, 33850, 33486, 33125,
    32768,
};

/* Binary logarithm in 1/256 of 0 < x < 2^32. */
static inline int32_t log2_256(uint32_t x) {
    unsigned exponent = wcz_log2(x);
    uint32_t fraction = (exponent >= 16 ? x >> (exponent - 16) : x << (16 - exponent)) & 65535;
    uint32_t cell = fraction >> 10, past = fraction & 1023;
    uint32_t mantissa = (LOG_MANTISSA[cell] * (1024 - past) + LOG_MANTISSA[cell + 1] * past) >> 10;
    return (int32_t)(exponent * 256 + mantissa);
}

/* Half octaves of x in units of 2^-16, from 2^(-lowest / 2) on: 0 .. count - 1. */
static inline uint32_t half_octave(uint64_t x, int32_t lowest, int32_t count) {
    if (x == 0) {
        return 0;
    }
    int32_t place = (log2_256(x > UINT32_MAX ? UINT32_MAX : (uint32_t)x) >> 7) - 32 + lowest;
    return (uint32_t)clamp(place, 0, count - 1);
}

/* The chance of a one of binary log-odds -MAX_ODDS .. MAX_ODDS, in 2^-16. */
static inline uint32_t chance_of(int32_t odds) {
    uint32_t size = (uint32_t)(odds < 0 ? -odds : odds);
    uint32_t cell = (size & 255) >> 2, past = size & 3;
    uint32_t power = ((POWERS[cell] * (4 - past) + POWERS[cell + 1] * past) >> 2) >> (size >> 8);
    uint32_t high = (uint32_t)(((uint64_t)1 << 32) / (65536 + power));
    return odds < 0 ? 65536 - high : high;
}

/* -- counters: a probability of a one in 22 bits above the number of bits seen in 10 bits ------------------------------ */

static inline uint32_t counter(uint32_t probability16) {
    return probability16 << 16;
}

/* Log-odds of a counter, shrunk while it has seen little: |result| <= MAX_ODDS. */
static inline int32_t evidence(uint32_t counter) {
    uint32_t p = counter >> 10, n = counter & 1023;
    int32_t odds = log2_256(p ? p : 1) - log2_256((1u << 22) - p);
    return clamp(odds, -MAX_ODDS, MAX_ODDS) * (int32_t)(10 * n + 3) / (int32_t)(10 * n + 15);
}

/* The probability moves by 1 / (n + 1.6) of its distance; the product has 22 + 16 bits and a sign. */
static inline void learn(uint32_t *counter, uint32_t bit, uint32_t limit) {
    uint32_t n = *counter & 1023;
    int32_t p = (int32_t)(*counter >> 10), target = bit ? (1 << 22) - 1 : 0;
    p += (int32_t)(((int64_t)(target - p) * (655360 / (10 * n + 16))) >> 16);
    *counter = (uint32_t)p << 10 | (n + (n < limit));
}

/* -- mixing ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t *counters[INPUTS];
    int count;
    int32_t *weights;          /* one a counter, then that of the constant */
    int32_t rate;
    uint32_t limit;
    int32_t inputs[INPUTS];
    uint32_t chance;
} decision;

static inline void mix(decision *d) {
    int64_t sum = (int64_t)d->weights[d->count] * BIAS;
    for (int i = 0; i < d->count; i++) {
        d->inputs[i] = evidence(*d->counters[i]);
        sum += (int64_t)d->weights[i] * d->inputs[i];    /* below 5 * 2^18 * 2^12 */
    }
    sum >>= 16;
    d->chance = chance_of(sum < -MAX_ODDS ? -MAX_ODDS : sum > MAX_ODDS ? MAX_ODDS : (int32_t)sum);
}

/* |error * input * rate| < 2^16 * 2^12 * 2^7: a weight moves by less than 2^14. */
static inline void learn_decision(decision *d, uint32_t bit) {
    int64_t step = ((bit ? 65536 : 0) - (int64_t)d->chance) * d->rate;
    for (int i = 0; i <= d->count; i++) {
        int32_t input = i < d->count ? d->inputs[i] : BIAS;
        int32_t moved = (int32_t)((step * input + (1 << 21)) >> 22);
        d->weights[i] = clamp(d->weights[i] + moved, -MAX_WEIGHT, MAX_WEIGHT);
    }
    for (int i = 0; i < d->count; i++) {
        learn(d->counters[i], bit, d->limit);
    }
}

/* -- start ----------------------------------------------------------------------------------------------------------- */

/* The chance that a Poisson variable is not zero, roughly: its mean, in half octaves from 2^(-lowest / 2). */
static inline uint32_t prior_of_mean(uint32_t place, uint32_t lowest) {
    int32_t octave = (int32_t)(place >> 1) - (int32_t)(lowest >> 1);
    uint32_t chance = place & 1 ? 110218 : 77936;    /* 2^16 * 2^(3/4) and 2^(1/4) */
    chance = octave >= 0 ? 49152 : chance >> -octave;
    return chance < 64 ? 64 : chance > 49152 ? 49152 : chance;
}

static inline void fill(uint32_t *counters, size_t count, uint32_t chance) {
    for (size_t i = 0; i < count; i++) {
        counters[i] = counter(chance);
    }
}

static inline void start_zero_counters(wcz_temporal_model *m) {
    for (uint32_t i = 0; i < LEVELS * LEVELS; i++) {
        uint32_t most = i / LEVELS > i % LEVELS ? i / LEVELS : i % LEVELS;
        m->by_activity[i] = counter(512 + 1024 * most);
    }
    for (uint32_t i = 0; i < 24 * 24; i++) {
        m->by_history[i] = counter(prior_of_mean(i / 24 ? i / 24 : i % 24, 24));
    }
    for (uint32_t i = 0; i < 20 * LEVELS * 2; i++) {
        m->by_lines[i] = counter(prior_of_mean(i / 2 / LEVELS, 20));
    }
    for (uint32_t i = 0; i < 14 * 20; i++) {
        m->by_recent[i] = counter(prior_of_mean(i % 20, 20));
    }
}

static inline void start_model(wcz_temporal_model *m) {
    start_zero_counters(m);
    fill(m->sign_by_last, sizeof m->sign_by_last / 4, 32768);
    fill(m->sign_by_lines, sizeof m->sign_by_lines / 4, 32768);
    fill(m->sign_by_neighbours, sizeof m->sign_by_neighbours / 4, 32768);
    fill(m->above_by_activity[0], sizeof m->above_by_activity / 4, 6554);
    fill(m->above_by_neighbours[0], sizeof m->above_by_neighbours / 4, 6554);
    fill(m->above_by_lines[0], sizeof m->above_by_lines / 4, 6554);
    fill(m->escape, sizeof m->escape / 4, 32768);
    for (size_t i = 0; i < sizeof m->zero_mixers / 4; i++) {
        m->zero_mixers[i / 5][i % 5] = i % 5 < 4 ? 19661 : 0;
    }
    for (size_t i = 0; i < sizeof m->sign_mixers / 4; i++) {
        m->sign_mixers[i / 4][i % 4] = i % 4 < 3 ? 26214 : 0;
    }
    for (size_t i = 0; i < sizeof m->above_mixers / 4; i++) {
        m->above_mixers[i / 4][i % 4] = i % 4 < 3 ? 26214 : 0;
    }
}

#endif
