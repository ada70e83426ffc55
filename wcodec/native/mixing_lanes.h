/* Eight 16-bit numbers at a time, the lanes: what the mixing coder computes for all features or all neighbours at once.
 * What it computes once for all of them is uniform: one number, which SSE2 keeps in every lane.
 *
 * Two implementations of the same integers: SSE2, which every x86-64 has, and the plain C below, which says what each
 * function does. WCZ_PORTABLE asks for the latter everywhere. Comments say what the caller has to hold to, so that no
 * lane overflows. Internal to the kernel.
 */
#ifndef WCZ_MIXING_LANES_H
#define WCZ_MIXING_LANES_H

#include "bits.h"

#if (defined(__SSE2__) || defined(_M_X64)) && !defined(WCZ_PORTABLE)

#include "mixing_lanes_sse2.h"

#else

typedef struct {
    int16_t at[8];
} lanes;

typedef int32_t uniform;        /* within 16 bits */

#define EACH_LANE for (int i = 0; i < 8; i++)

/* Lane `i`, a constant. */
#define LANE(x, i) ((int32_t)(x).at[i])

/* x[i] = from[i][at] & mask[i] */
static inline void lanes_gather(lanes *x, const int16_t *const *from, size_t at, const int16_t *mask) {
    const lanes all = {{from[0][at], from[1][at], from[2][at], from[3][at], from[4][at], from[5][at], from[6][at],
                        from[7][at]}};
    EACH_LANE x->at[i] = (int16_t)(all.at[i] & mask[i]);
}

/* Lanes 0 to 3 of x, two others, and what is left of x. */
static inline lanes lanes_with_two(lanes x, int16_t fourth, int16_t fifth) {
    x.at[4] = fourth;
    x.at[5] = fifth;
    return x;
}

/* -- uniform numbers: the one that an integer is, and its operations --------------------------------------------------- */

static inline uniform uniform_of(int32_t value) { return value; }

static inline int32_t uniform_value(uniform x) { return x; }

static inline uniform uniform_add(uniform x, uniform y) { return x + y; }

static inline uniform uniform_subtract(uniform x, uniform y) { return x - y; }

static inline uniform uniform_left(uniform x, int count) { return x * (1 << count); }

static inline uniform uniform_right(uniform x, int count) { return x >> count; }

/* The upper half of the product. */
static inline uniform uniform_high(uniform x, uniform y) { return (x * y) >> 16; }

/* Into -most .. most. */
static inline uniform uniform_clamp(uniform x, int32_t most) { return x < -most ? -most : x > most ? most : x; }

/* -- scaling: to the right by `down` with sign, into -most .. most, to the left by `up` --------------------------------- */

typedef struct {
    int16_t down, most, up;
} scaling;

#define SCALING(down, most, up) {down, most, up}

static inline uniform uniform_scaled(const scaling *by, uniform x) {
    return uniform_left(uniform_clamp(x >> by->down, by->most), by->up);
}

static inline void lanes_scale(const scaling *by, const lanes *x, lanes *to) {
    const scaling s = *by;
    const int16_t least = (int16_t)-s.most;
    EACH_LANE {
        int16_t value = (int16_t)(x->at[i] >> s.down);
        value = value < s.most ? value : s.most;
        value = value > least ? value : least;
        to->at[i] = (int16_t)(value * (1 << s.up));
    }
}

/* -- sums -------------------------------------------------------------------------------------------------------------- */

/* The sum of x[i] (weights[i] >> 8), whose factors are within 16 bits; below 2^31. */
static inline int32_t lanes_dot(const lanes *x, const int32_t *weights) {
    int32_t sum = 0;
    EACH_LANE sum += x->at[i] * (int16_t)(weights[i] >> 8);
    return sum;
}

/* The sum of ((a + b) >> 4) * x, where |a + b| < 2^20 and |x| < 2^11, >> 12, within 16 bits. */
static inline uniform lanes_dot_of_sums(const int32_t *a, const int32_t *b, const lanes *x) {
    int32_t sum = 0;
    EACH_LANE sum += ((a[i] + b[i]) >> 4) * x->at[i];
    sum >>= 12;
    return sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : sum;
}

/* Magnitudes to units of 2^unit, rounded, at most most[i], times weights[i]: the sum of lanes 0 to 3, and of 4 to 7. */
static inline void lanes_weigh(const lanes *x, int unit, const int16_t *most, const int16_t *weights, int32_t *low,
                               int32_t *high) {
    const int16_t half = (int16_t)((1 << unit) >> 1);
    int16_t units[8];
    EACH_LANE {
        int16_t magnitude = (int16_t)(x->at[i] < 0 ? -x->at[i] : x->at[i]);
        magnitude = (int16_t)((magnitude + half) >> unit);
        units[i] = magnitude < most[i] ? magnitude : most[i];
    }
    *low = *high = 0;
    for (int i = 0; i < 4; i++) {
        *low += units[i] * weights[i];
        *high += units[i + 4] * weights[i + 4];
    }
}

/* weights += x * by / 2^shift, rounded. */
static inline void lanes_step(int32_t *weights, const lanes *x, uniform by, int shift) {
    EACH_LANE weights[i] += (x->at[i] * (int16_t)by + (1 << shift >> 1)) >> shift;
}

/* Four integers into -most .. most. */
static inline void hold_four(int32_t *weights, int32_t most) {
    for (int i = 0; i < 4; i++) {
        weights[i] = weights[i] < -most ? -most : weights[i] > most ? most : weights[i];
    }
}

/* log2_fixed of eight numbers, 0 < x < 2^24, less `base`. */
static inline void lanes_log2(lanes *x, int32_t base, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e,
                              uint32_t f, uint32_t g, uint32_t h) {
    const uint32_t from[8] = {a, b, c, d, e, f, g, h};
    lanes logs;
    EACH_LANE {
        unsigned exponent = wcz_log2(from[i]);
        uint32_t mantissa = exponent >= 8 ? from[i] >> (exponent - 8) : from[i] << (8 - exponent);
        logs.at[i] = (int16_t)((exponent << 8) + (mantissa & 255));
    }
    EACH_LANE x->at[i] = (int16_t)(logs.at[i] - base);
}

#endif

#endif
