/* What the AVX2 paths share. Internal to the kernel; compiled for any x86-64 and chosen at run time: the compiler is
 * told of AVX2 function by function.
 */
#ifndef WCZ_AVX2_H
#define WCZ_AVX2_H

#if defined(__GNUC__) && defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE_AVX2 __attribute__((target("avx2"), always_inline)) static inline

INLINE_AVX2 __m256i load(const void *at) { return _mm256_loadu_si256((const __m256i *)at); }

INLINE_AVX2 void store(void *at, __m256i value) { _mm256_storeu_si256((__m256i *)at, value); }

/* table[low half of indices], table[high half], as the two halves of the result. */
INLINE_AVX2 __m128i look_up_2(const uint32_t *table, uint64_t indices) {
    return _mm_insert_epi32(_mm_cvtsi32_si128((int)table[(uint32_t)indices]), (int)table[indices >> 32], 1);
}

/* table[index] of eight lanes. Loads of single words: on the processors measured (docs/benchmarks.md) the gather
 * instruction takes twice as long, and none is known where this loses much. */
INLINE_AVX2 __m256i look_up(const uint32_t *table, __m256i index) {
    __m128i low = _mm256_castsi256_si128(index), high = _mm256_extracti128_si256(index, 1);
    __m128i a = look_up_2(table, (uint64_t)_mm_cvtsi128_si64(low));
    __m128i b = look_up_2(table, (uint64_t)_mm_extract_epi64(low, 1));
    __m128i c = look_up_2(table, (uint64_t)_mm_cvtsi128_si64(high));
    __m128i d = look_up_2(table, (uint64_t)_mm_extract_epi64(high, 1));
    return _mm256_set_m128i(_mm_unpacklo_epi64(c, d), _mm_unpacklo_epi64(a, b));
}

#endif

#endif
