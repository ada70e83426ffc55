/* Eight 16-bit numbers at a time: what the mixing coder computes for all features or all neighbours at once.
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

#define EACH_LANE for (int i = 0; i < 8; i++)

static inline lanes lanes_load(const int16_t *from) {
    lanes x;
    EACH_LANE x.at[i] = from[i];
    return x;
}

static inline lanes lanes_all(int32_t value) {
    lanes x;
    EACH_LANE x.at[i] = (int16_t)value;
    return x;
}

/* In lane 0, zeros in the others; value >= 0. */
static inline lanes lanes_first(int32_t value) {
    lanes x = {{(int16_t)value}};
    return x;
}

#define LANES_OF(a, b, c, d, e, f, g, h) ((lanes){{a, b, c, d, e, f, g, h}})

/* Lane `i`, a constant. */
#define LANE(x, i) ((int32_t)(x).at[i])

/* Lanes 0 to 3 of x, two others, and what is left of x. */
static inline lanes lanes_with_two(lanes x, int16_t fourth, int16_t fifth) {
    x.at[4] = fourth;
    x.at[5] = fifth;
    return x;
}

#define LANEWISE(name, expression) \
    static inline lanes name(lanes x, lanes y) { \
        EACH_LANE x.at[i] = (int16_t)(expression); \
        return x; \
    }

LANEWISE(lanes_and, x.at[i] & y.at[i])
LANEWISE(lanes_add, x.at[i] + y.at[i])
LANEWISE(lanes_subtract, x.at[i] - y.at[i])
LANEWISE(lanes_least, x.at[i] < y.at[i] ? x.at[i] : y.at[i])
LANEWISE(lanes_most, x.at[i] > y.at[i] ? x.at[i] : y.at[i])
/* By lane 0 of `count`; to the right with sign. */
LANEWISE(lanes_left, x.at[i] * (1 << y.at[0]))
LANEWISE(lanes_right, x.at[i] >> y.at[0])
/* The upper half of each product. */
LANEWISE(lanes_high, (x.at[i] * y.at[i]) >> 16)

/* The sum of the products, below 2^31. */
static inline int32_t lanes_dot(lanes x, lanes y) {
    int32_t sum = 0;
    EACH_LANE sum += x.at[i] * y.at[i];
    return sum;
}

/* The sum of the products of lanes 0 to 3, and that of lanes 4 to 7. */
static inline void lanes_half_dots(lanes x, lanes y, int32_t *low, int32_t *high) {
    *low = *high = 0;
    EACH_LANE *(i < 4 ? low : high) += x.at[i] * y.at[i];
}

/* Eight integers >> 8, then within 16 bits. */
static inline lanes lanes_narrow(const int32_t *from) {
    lanes x;
    EACH_LANE x.at[i] = (int16_t)(from[i] >> 8);
    return x;
}

/* The sum of ((a + b) >> 4) * x, where |a + b| < 2^20 and |x| < 2^11, >> 12, within 16 bits, in all lanes. */
static inline lanes lanes_dot_of_sums(const int32_t *a, const int32_t *b, lanes x) {
    int32_t sum = 0;
    EACH_LANE sum += ((a[i] + b[i]) >> 4) * x.at[i];
    sum >>= 12;
    return lanes_all(sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : sum);
}

typedef struct {
    int32_t at[8];
} wide_lanes;

static inline wide_lanes lanes_products(lanes x, lanes y) {
    wide_lanes products;
    EACH_LANE products.at[i] = x.at[i] * y.at[i];
    return products;
}

/* weights += gradient / 2^shift, rounded. */
static inline void lanes_step(int32_t *weights, const wide_lanes *gradient, int shift) {
    EACH_LANE weights[i] += (gradient->at[i] + (1 << shift >> 1)) >> shift;
}

/* Four integers into -most .. most. */
static inline void hold_four(int32_t *weights, int32_t most) {
    for (int i = 0; i < 4; i++) {
        weights[i] = weights[i] < -most ? -most : weights[i] > most ? most : weights[i];
    }
}

/* log2_fixed of eight numbers, 0 < x < 2^24. */
static inline lanes lanes_log2(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f, uint32_t g,
                               uint32_t h) {
    const uint32_t from[8] = {a, b, c, d, e, f, g, h};
    lanes x;
    EACH_LANE {
        unsigned exponent = wcz_log2(from[i]);
        uint32_t mantissa = exponent >= 8 ? from[i] >> (exponent - 8) : from[i] << (8 - exponent);
        x.at[i] = (int16_t)((exponent << 8) + (mantissa & 255));
    }
    return x;
}

#endif

/* Into -most .. most. */
static inline lanes lanes_clamp(lanes x, lanes most) {
    return lanes_most(lanes_least(x, most), lanes_subtract(lanes_all(0), most));
}

static inline lanes lanes_magnitude(lanes x) {
    return lanes_most(x, lanes_subtract(lanes_all(0), x));
}

#endif
