/* The lanes of the mixing coder in SSE2; mixing_lanes.h includes it where there is that. Internal to the kernel. */
#ifndef WCZ_MIXING_LANES_SSE2_H
#define WCZ_MIXING_LANES_SSE2_H

#include <emmintrin.h>

typedef __m128i lanes;

static inline lanes lanes_load(const int16_t *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }

static inline lanes lanes_all(int32_t value) { return _mm_set1_epi16((int16_t)value); }

static inline lanes lanes_first(int32_t value) { return _mm_cvtsi32_si128(value); }

#define LANES_OF(a, b, c, d, e, f, g, h) _mm_setr_epi16(a, b, c, d, e, f, g, h)

#define LANE(x, i) ((int32_t)(int16_t)_mm_extract_epi16(x, i))

static inline lanes lanes_with_two(lanes x, int16_t fourth, int16_t fifth) {
    return _mm_insert_epi16(_mm_insert_epi16(x, fourth, 4), fifth, 5);
}

static inline lanes lanes_and(lanes x, lanes y) { return _mm_and_si128(x, y); }

static inline lanes lanes_add(lanes x, lanes y) { return _mm_add_epi16(x, y); }

static inline lanes lanes_subtract(lanes x, lanes y) { return _mm_sub_epi16(x, y); }

static inline lanes lanes_least(lanes x, lanes y) { return _mm_min_epi16(x, y); }

static inline lanes lanes_most(lanes x, lanes y) { return _mm_max_epi16(x, y); }

static inline lanes lanes_left(lanes x, lanes count) { return _mm_sll_epi16(x, count); }

static inline lanes lanes_right(lanes x, lanes count) { return _mm_sra_epi16(x, count); }

static inline lanes lanes_high(lanes x, lanes y) { return _mm_mulhi_epi16(x, y); }

static inline __m128i load_four(const int32_t *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }

static inline void store_four(int32_t *to, __m128i x) { _mm_storeu_si128((__m128i *)(void *)to, x); }

/* In all four elements. */
static inline __m128i sum_of_four(__m128i x) {
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4E));
    return _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xB1));
}

static inline int32_t lanes_dot(lanes x, lanes y) { return _mm_cvtsi128_si32(sum_of_four(_mm_madd_epi16(x, y))); }

static inline void lanes_half_dots(lanes x, lanes y, int32_t *low, int32_t *high) {
    __m128i pairs = _mm_madd_epi16(x, y);
    pairs = _mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, 0xB1));
    *low = _mm_cvtsi128_si32(pairs);
    *high = _mm_cvtsi128_si32(_mm_unpackhi_epi64(pairs, pairs));
}

static inline lanes lanes_narrow(const int32_t *from) {
    return _mm_packs_epi32(_mm_srai_epi32(load_four(from), 8), _mm_srai_epi32(load_four(from + 4), 8));
}

/* Each weight (a + b) >> 4 is 256 * high + low. */
static inline lanes lanes_dot_of_sums(const int32_t *a, const int32_t *b, lanes x) {
    const __m128i byte = _mm_set1_epi32(255);
    __m128i first = _mm_srai_epi32(_mm_add_epi32(load_four(a), load_four(b)), 4);
    __m128i second = _mm_srai_epi32(_mm_add_epi32(load_four(a + 4), load_four(b + 4)), 4);
    __m128i low = _mm_packs_epi32(_mm_and_si128(first, byte), _mm_and_si128(second, byte));
    __m128i high = _mm_packs_epi32(_mm_srai_epi32(first, 8), _mm_srai_epi32(second, 8));
    __m128i sum = sum_of_four(_mm_add_epi32(_mm_slli_epi32(_mm_madd_epi16(high, x), 8), _mm_madd_epi16(low, x)));
    sum = _mm_srai_epi32(sum, 12);
    return _mm_packs_epi32(sum, sum);
}

typedef struct {
    __m128i low, high;
} wide_lanes;

static inline wide_lanes lanes_products(lanes x, lanes y) {
    __m128i low = _mm_mullo_epi16(x, y), high = _mm_mulhi_epi16(x, y);
    wide_lanes products = {_mm_unpacklo_epi16(low, high), _mm_unpackhi_epi16(low, high)};
    return products;
}

static inline __m128i rounded(__m128i x, int shift) {
    return _mm_srai_epi32(_mm_add_epi32(x, _mm_set1_epi32(1 << shift >> 1)), shift);
}

static inline void lanes_step(int32_t *weights, const wide_lanes *gradient, int shift) {
    store_four(weights, _mm_add_epi32(load_four(weights), rounded(gradient->low, shift)));
    store_four(weights + 4, _mm_add_epi32(load_four(weights + 4), rounded(gradient->high, shift)));
}

static inline void hold_four(int32_t *weights, int32_t most) {
    const __m128i high = _mm_set1_epi32(most), low = _mm_set1_epi32(-most);
    __m128i x = load_four(weights), over = _mm_cmpgt_epi32(x, high), under = _mm_cmpgt_epi32(low, x);
    x = _mm_or_si128(_mm_andnot_si128(over, x), _mm_and_si128(over, high));
    store_four(weights, _mm_or_si128(_mm_andnot_si128(under, x), _mm_and_si128(under, low)));
}

/* In single precision such numbers are exact, whatever the rounding, and their bits from the exponent down are what is
 * asked for: the exponent above the mantissa. */
static inline lanes lanes_log2(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f, uint32_t g,
                               uint32_t h) {
    const __m128i bias = _mm_set1_epi32(127 << 8);
    __m128i low = _mm_castps_si128(_mm_cvtepi32_ps(_mm_setr_epi32((int)a, (int)b, (int)c, (int)d)));
    __m128i high = _mm_castps_si128(_mm_cvtepi32_ps(_mm_setr_epi32((int)e, (int)f, (int)g, (int)h)));
    return _mm_packs_epi32(_mm_sub_epi32(_mm_srli_epi32(low, 15), bias), _mm_sub_epi32(_mm_srli_epi32(high, 15), bias));
}

#endif
