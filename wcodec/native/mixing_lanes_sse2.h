/* The lanes of the mixing coder in SSE2; mixing_lanes.h includes it where there is that. Internal to the kernel. */
#ifndef WCZ_MIXING_LANES_SSE2_H
#define WCZ_MIXING_LANES_SSE2_H

#include <emmintrin.h>

typedef __m128i lanes;
typedef __m128i uniform;

static inline lanes lanes_load(const int16_t *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }

#define LANE(x, i) ((int32_t)(int16_t)_mm_extract_epi16(x, i))

static inline void lanes_gather(lanes *x, const int16_t *const *from, size_t at, const int16_t *mask) {
    lanes all = _mm_setr_epi16(from[0][at], from[1][at], from[2][at], from[3][at], from[4][at], from[5][at],
                               from[6][at], from[7][at]);
    *x = _mm_and_si128(all, lanes_load(mask));
}

static inline lanes lanes_with_two(lanes x, int16_t fourth, int16_t fifth) {
    return _mm_insert_epi16(_mm_insert_epi16(x, fourth, 4), fifth, 5);
}

static inline uniform uniform_of(int32_t value) { return _mm_set1_epi16((int16_t)value); }

static inline int32_t uniform_value(uniform x) { return LANE(x, 0); }

static inline uniform uniform_add(uniform x, uniform y) { return _mm_add_epi16(x, y); }

static inline uniform uniform_subtract(uniform x, uniform y) { return _mm_sub_epi16(x, y); }

static inline uniform uniform_left(uniform x, int count) { return _mm_slli_epi16(x, count); }

static inline uniform uniform_right(uniform x, int count) { return _mm_srai_epi16(x, count); }

static inline uniform uniform_high(uniform x, uniform y) { return _mm_mulhi_epi16(x, y); }

static inline __m128i clamp_lanes(__m128i x, __m128i most) {
    return _mm_max_epi16(_mm_min_epi16(x, most), _mm_sub_epi16(_mm_setzero_si128(), most));
}

static inline uniform uniform_clamp(uniform x, int32_t most) { return clamp_lanes(x, uniform_of(most)); }

/* Shifts are in lane 0. */
typedef struct {
    int16_t down[8], most[8], up[8];
} scaling;

#define SCALING(down, most, up) {{down}, {most, most, most, most, most, most, most, most}, {up}}

static inline uniform uniform_scaled(const scaling *by, uniform x) {
    return _mm_sll_epi16(clamp_lanes(_mm_sra_epi16(x, lanes_load(by->down)), lanes_load(by->most)), lanes_load(by->up));
}

static inline void lanes_scale(const scaling *by, const lanes *x, lanes *to) { *to = uniform_scaled(by, *x); }

static inline __m128i load_four(const int32_t *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }

static inline void store_four(int32_t *to, __m128i x) { _mm_storeu_si128((__m128i *)(void *)to, x); }

/* In all four elements. */
static inline __m128i sum_of_four(__m128i x) {
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4E));
    return _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xB1));
}

static inline int32_t lanes_dot(const lanes *x, const int32_t *weights) {
    lanes narrow = _mm_packs_epi32(_mm_srai_epi32(load_four(weights), 8), _mm_srai_epi32(load_four(weights + 4), 8));
    return _mm_cvtsi128_si32(sum_of_four(_mm_madd_epi16(*x, narrow)));
}

static inline void lanes_weigh(const lanes *x, int unit, const int16_t *most, const int16_t *weights, int32_t *low,
                               int32_t *high) {
    lanes magnitude = _mm_max_epi16(*x, _mm_sub_epi16(_mm_setzero_si128(), *x));
    lanes units = _mm_sra_epi16(_mm_add_epi16(magnitude, uniform_of((1 << unit) >> 1)), _mm_cvtsi32_si128(unit));
    __m128i pairs = _mm_madd_epi16(_mm_min_epi16(units, lanes_load(most)), lanes_load(weights));
    pairs = _mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, 0xB1));
    *low = _mm_cvtsi128_si32(pairs);
    *high = _mm_cvtsi128_si32(_mm_unpackhi_epi64(pairs, pairs));
}

/* Each weight (a + b) >> 4 is 256 * high + low. */
static inline uniform lanes_dot_of_sums(const int32_t *a, const int32_t *b, const lanes *x) {
    const __m128i byte = _mm_set1_epi32(255);
    __m128i first = _mm_srai_epi32(_mm_add_epi32(load_four(a), load_four(b)), 4);
    __m128i second = _mm_srai_epi32(_mm_add_epi32(load_four(a + 4), load_four(b + 4)), 4);
    __m128i low = _mm_packs_epi32(_mm_and_si128(first, byte), _mm_and_si128(second, byte));
    __m128i high = _mm_packs_epi32(_mm_srai_epi32(first, 8), _mm_srai_epi32(second, 8));
    __m128i sum = sum_of_four(_mm_add_epi32(_mm_slli_epi32(_mm_madd_epi16(high, *x), 8), _mm_madd_epi16(low, *x)));
    sum = _mm_srai_epi32(sum, 12);
    return _mm_packs_epi32(sum, sum);
}

static inline __m128i rounded(__m128i x, int shift) {
    return _mm_srai_epi32(_mm_add_epi32(x, _mm_set1_epi32(1 << shift >> 1)), shift);
}

static inline void lanes_step(int32_t *weights, const lanes *x, uniform by, int shift) {
    __m128i low = _mm_mullo_epi16(*x, by), high = _mm_mulhi_epi16(*x, by);
    __m128i first = rounded(_mm_unpacklo_epi16(low, high), shift), second = rounded(_mm_unpackhi_epi16(low, high), shift);
    store_four(weights, _mm_add_epi32(load_four(weights), first));
    store_four(weights + 4, _mm_add_epi32(load_four(weights + 4), second));
}

static inline void hold_four(int32_t *weights, int32_t most) {
    const __m128i high = _mm_set1_epi32(most), low = _mm_set1_epi32(-most);
    __m128i x = load_four(weights), over = _mm_cmpgt_epi32(x, high), under = _mm_cmpgt_epi32(low, x);
    x = _mm_or_si128(_mm_andnot_si128(over, x), _mm_and_si128(over, high));
    store_four(weights, _mm_or_si128(_mm_andnot_si128(under, x), _mm_and_si128(under, low)));
}

/* In single precision such numbers are exact, whatever the rounding, and their bits from the exponent down are what is
 * asked for: the exponent above the mantissa. */
static inline void lanes_log2(lanes *x, int32_t base, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e,
                              uint32_t f, uint32_t g, uint32_t h) {
    const __m128i bias = _mm_set1_epi32(127 << 8);
    __m128i low = _mm_castps_si128(_mm_cvtepi32_ps(_mm_setr_epi32((int)a, (int)b, (int)c, (int)d)));
    __m128i high = _mm_castps_si128(_mm_cvtepi32_ps(_mm_setr_epi32((int)e, (int)f, (int)g, (int)h)));
    lanes logs = _mm_packs_epi32(_mm_sub_epi32(_mm_srli_epi32(low, 15), bias), _mm_sub_epi32(_mm_srli_epi32(high, 15), bias));
    *x = _mm_sub_epi16(logs, uniform_of(base));
}

#endif
