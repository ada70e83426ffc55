/* The inner loop of float_planes' decoder for AVX2: eight lanes a register (coders.md, rANS).
 *
 * Compiled for any x86-64 and chosen at run time; the compiler is told of AVX2 function by function.
 */
#include "avx2.h"
#include "rans.h"

#if defined(__GNUC__) && defined(__x86_64__)

/* UNPACK[mask]: shuffles that bring the coming words, in order, to the lanes whose bit is set. */
#define BYTE(mask, lane, half) \
    ((mask) >> (lane) & 1 ? 2 * __builtin_popcount((mask) & ((1 << (lane)) - 1)) + (half) : 0x80)
#define WORD(mask, lane) BYTE(mask, lane, 0), BYTE(mask, lane, 1)
#define ROW(mask) \
    {WORD(mask, 0), WORD(mask, 1), WORD(mask, 2), WORD(mask, 3), \
     WORD(mask, 4), WORD(mask, 5), WORD(mask, 6), WORD(mask, 7)}
#define ROWS_4(mask) ROW(mask), ROW((mask) + 1), ROW((mask) + 2), ROW((mask) + 3)
#define ROWS_16(mask) ROWS_4(mask), ROWS_4((mask) + 4), ROWS_4((mask) + 8), ROWS_4((mask) + 12)
#define ROWS_64(mask) ROWS_16(mask), ROWS_16((mask) + 16), ROWS_16((mask) + 32), ROWS_16((mask) + 48)
static const uint8_t UNPACK[256][16] = {ROWS_64(0), ROWS_64(64), ROWS_64(128), ROWS_64(192)};

/* One byte of each of eight lanes: returns their slots, advances states and words. */
INLINE_AVX2 __m256i decode_group(const uint32_t *slots, __m256i *state, const uint8_t **words) {
    const __m256i twelve = _mm256_set1_epi32(RANS_TOTAL - 1), zero = _mm256_setzero_si256();
    __m256i slot = look_up(slots, _mm256_and_si256(*state, twelve));
    __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(slot, 8), twelve);
    __m256i x = _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srli_epi32(*state, RANS_BITS), frequency),
                                 _mm256_srli_epi32(slot, 20));
    __m256i needs = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), zero);
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(needs));
    __m128i taken = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)*words),
                                     _mm_loadu_si128((const __m128i *)UNPACK[mask]));
    __m256i filled = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_cvtepu16_epi32(taken));
    *state = _mm256_blendv_epi8(x, filled, needs);
    *words += 2 * (unsigned)__builtin_popcount(mask);
    return slot;
}

/* The low bytes of four groups' slots, in the order of the lanes. */
INLINE_AVX2 __m256i low_bytes(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i low = _mm256_set1_epi32(0xFF), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i ab = _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
    __m256i cd = _mm256_packus_epi32(_mm256_and_si256(c, low), _mm256_and_si256(d, low));
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
}

/* While 16 bytes are left for each group: no word needs a check. */
AVX2 static size_t decode_turns(const uint32_t *slots, uint32_t *lanes, const uint8_t *payload, size_t size,
                                size_t *next, uint8_t *plane, size_t count) {
    const uint8_t *words = payload + *next, *end = payload + size;
    __m256i a = load(lanes), b = load(lanes + 8), c = load(lanes + 16), d = load(lanes + 24);
    size_t done = 0;
    for (; count - done >= RANS_LANES && end - words >= 64; done += RANS_LANES) {
        __m256i slots_a = decode_group(slots, &a, &words), slots_b = decode_group(slots, &b, &words);
        __m256i slots_c = decode_group(slots, &c, &words), slots_d = decode_group(slots, &d, &words);
        store(plane + done, low_bytes(slots_a, slots_b, slots_c, slots_d));
    }
    store(lanes, a);
    store(lanes + 8, b);
    store(lanes + 16, c);
    store(lanes + 24, d);
    *next = (size_t)(words - payload);
    return done;
}

wcz_plane_path wcz_plane_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? decode_turns : NULL;
}

#else

wcz_plane_path wcz_plane_avx2(void) { return NULL; }

#endif
