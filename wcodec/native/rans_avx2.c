/* The inner loops of the rans decoder for AVX2: eight lanes a register (coders.md, rans).
 *
 * Compiled for any x86-64 and chosen at run time. The compiler is told of AVX2 function by function: with wider
 * vectors at its disposal it makes this code half as fast.
 */
#include "avx2.h"
#include "rans_lanes.h"

#if defined(__GNUC__) && defined(__x86_64__)

typedef struct {
    const rans_slot *slots;
    const uint8_t *unpack;
    const uint8_t *words;       /* the next one; 16 bytes are there for each group of lanes */
} rans_source;

/* unpack[mask]: two bytes of the next word for each one of the mask, in order; 0x80 gives zero. */
static void fill_unpack(uint8_t *unpack) {
    for (unsigned mask = 0; mask < 256; mask++) {
        uint8_t next = 0;
        for (unsigned i = 0; i < 8; i++) {
            unsigned taken = mask >> i & 1;
            *unpack++ = taken ? next++ : 0x80;
            *unpack++ = taken ? next++ : 0x80;
        }
    }
}

/* Byte `group` of each element of `contexts`, times 2048. */
INLINE_AVX2 __m256i context_offset(__m256i contexts, unsigned group) {
    const __m256i mask = _mm256_set1_epi32(0xFF << WCZ_RANS_BITS);
    __m256i shifted = group == 0   ? _mm256_slli_epi32(contexts, WCZ_RANS_BITS)
                      : group == 1 ? _mm256_slli_epi32(contexts, WCZ_RANS_BITS - 8)
                      : group == 2 ? _mm256_srli_epi32(contexts, 16 - WCZ_RANS_BITS)
                                   : _mm256_srli_epi32(contexts, 24 - WCZ_RANS_BITS);
    return _mm256_and_si256(shifted, mask);
}

/* One symbol of each lane of a group: returns the slots, advances the states and the words. */
INLINE_AVX2 __m256i decode_group(rans_source *in, __m256i *state, __m256i contexts, __m256i scale, __m256i limit,
                                 unsigned group) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i x = *state;
    __m256i class = _mm256_min_epi32(_mm256_max_epi32(scale, zero), limit);
    __m256i index = _mm256_add_epi32(_mm256_and_si256(x, _mm256_set1_epi32((int)RANS_SLOTS - 1)),
                                     _mm256_add_epi32(class, context_offset(contexts, group)));
    __m256i slot = look_up(in->slots, index);
    x = _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srli_epi32(x, WCZ_RANS_BITS), _mm256_srli_epi32(slot, 20)),
                         _mm256_and_si256(_mm256_srli_epi32(slot, 8), _mm256_set1_epi32(0xFFF)));
    __m256i needs = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), zero);
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(needs));
    __m128i unpack = _mm_loadu_si128((const __m128i *)(in->unpack + 16 * mask));
    __m128i words = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)in->words), unpack);
    __m256i filled = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_cvtepu16_epi32(words));
    *state = _mm256_blendv_epi8(x, filled, needs);
    in->words += 2 * (unsigned)__builtin_popcount(mask);
    return slot;
}

/* The low bytes of the groups' slots as the bytes of the elements. */
INLINE_AVX2 __m256i gather_symbols(const __m256i *slots, unsigned groups) {
    const __m256i low = _mm256_set1_epi32(0xFF), odd = _mm256_set1_epi32(0xFF00);
    __m256i symbols = _mm256_and_si256(slots[0], low);
    if (groups == 4) {
        __m256i high = _mm256_or_si256(_mm256_and_si256(slots[2], low),
                                       _mm256_and_si256(_mm256_slli_epi32(slots[3], 8), odd));
        symbols = _mm256_or_si256(symbols, _mm256_and_si256(_mm256_slli_epi32(slots[1], 8), odd));
        symbols = _mm256_or_si256(symbols, _mm256_slli_epi32(high, 16));
    }
    return symbols;
}

/* Columns from `column` on while 16 bytes a group are left: no word needs a check. What the loop needs is in locals,
 * because the compiler must assume that a store of symbols changes anything else. */
INLINE_AVX2 size_t decode_columns(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size,
                                  size_t *next, size_t column, const unsigned groups) {
    const __m256i one = _mm256_set1_epi8(1);
    const rans_matrix m = *matrix;
    const uint8_t *last = size >= 16 * groups ? words + (size - 16 * groups) : NULL;
    rans_source in = {m.slots, m.unpack, words + *next};
    __m256i state[4], row_scale[4], limit[4], slots[4];
    if (last == NULL) {
        return column;
    }
    for (unsigned group = 0; group < groups; group++) {
        state[group] = load(lanes->state + 8 * group);
        row_scale[group] = load(lanes->scale + 8 * group);
        limit[group] = load(lanes->limit + 8 * group);
    }
    for (; column < m.columns && in.words <= last; column++) {
        __m256i a = _mm256_sign_epi8(one, load(m.tile + m.near_a[column] * (size_t)RANS_TILE));
        __m256i b = _mm256_sign_epi8(one, load(m.tile + m.near_b[column] * (size_t)RANS_TILE));
        __m256i key = _mm256_add_epi8(_mm256_add_epi8(a, b), _mm256_add_epi8(a, a));
        __m256i contexts = _mm256_abs_epi8(key), flip = _mm256_or_si256(key, one);
        __m256i column_scale = _mm256_set1_epi32(m.column_scale[column]);
        for (unsigned group = 0; group < groups; group++) {
            __m256i scale = _mm256_add_epi32(row_scale[group], column_scale);
            slots[group] = decode_group(&in, &state[group], contexts, scale, limit[group], group);
        }
        store(m.tile + column * RANS_TILE, _mm256_sign_epi8(gather_symbols(slots, groups), flip));
    }
    for (unsigned group = 0; group < groups; group++) {
        store(lanes->state + 8 * group, state[group]);
    }
    *next = (size_t)(in.words - words);
    return column;
}

AVX2 static size_t decode_8(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size,
                            size_t *next, size_t column) {
    return decode_columns(matrix, lanes, words, size, next, column, 1);
}

AVX2 static size_t decode_32(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size,
                             size_t *next, size_t column) {
    return decode_columns(matrix, lanes, words, size, next, column, 4);
}

static size_t decode(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size, size_t *next,
                     size_t column) {
    return matrix->lanes == 8 ? decode_8(matrix, lanes, words, size, next, column)
                              : decode_32(matrix, lanes, words, size, next, column);
}

/* -- storing: the tile's columns become rows ------------------------------------------------------------------------- */

/* rows[i] element c = columns[c] element i. */
INLINE_AVX2 void transpose(const __m256i *columns, __m256i *rows) {
    __m256i pairs[8], quads[8];
    for (unsigned i = 0; i < 4; i++) {
        pairs[2 * i] = _mm256_unpacklo_epi32(columns[2 * i], columns[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(columns[2 * i], columns[2 * i + 1]);
    }
    for (unsigned i = 0; i < 2; i++) {
        quads[4 * i] = _mm256_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
        quads[4 * i + 1] = _mm256_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
        quads[4 * i + 2] = _mm256_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
        quads[4 * i + 3] = _mm256_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
    }
    for (unsigned i = 0; i < 4; i++) {
        rows[i] = _mm256_permute2x128_si256(quads[i], quads[4 + i], 0x20);
        rows[4 + i] = _mm256_permute2x128_si256(quads[i], quads[4 + i], 0x31);
    }
}

/* Byte `group` of each element, with its sign. */
INLINE_AVX2 __m256i symbols_of(__m256i row, unsigned group) {
    return _mm256_srai_epi32(_mm256_slli_epi32(row, (int)(24 - 8 * group)), 24);
}

/* rows[8 i + j]: eight columns from 8 i on, the lanes j, 8 + j, 16 + j, 24 + j in the bytes of each element. */
INLINE_AVX2 void load_blocks(const rans_matrix *matrix, size_t column, __m256i *rows, const unsigned blocks) {
    for (unsigned block = 0; block < blocks; block++, column += 8) {
        __m256i columns[8];
        for (unsigned i = 0; i < 8; i++) {
            columns[i] = load(matrix->tile + (column + i) * RANS_TILE);
        }
        transpose(columns, rows + 8 * block);
    }
}

INLINE_AVX2 void store_int32_blocks(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink,
                                    size_t column, const unsigned blocks) {
    __m256i rows[16];
    load_blocks(matrix, column, rows, blocks);
    for (unsigned lane = 0; lane < matrix->lanes; lane++) {
        if (lanes->row[lane] != RANS_NO_ROW) {
            int32_t *out = (int32_t *)sink->data + lanes->row[lane] * matrix->columns + column;
            for (unsigned block = 0; block < blocks; block++) {
                store(out + 8 * block, symbols_of(rows[8 * block + lane % 8], lane / 8));
            }
        }
    }
}

INLINE_AVX2 void store_float32_blocks(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink,
                                      size_t column, const unsigned blocks) {
    __m256i rows[16];
    load_blocks(matrix, column, rows, blocks);
    for (unsigned lane = 0; lane < matrix->lanes; lane++) {
        if (lanes->row[lane] != RANS_NO_ROW) {
            float *out = (float *)sink->data + lanes->row[lane] * matrix->columns + column;
            const __m256 step = _mm256_set1_ps(rans_step_of_row(sink, lanes->row[lane]));
            for (unsigned block = 0; block < blocks; block++) {
                __m256 symbols = _mm256_cvtepi32_ps(symbols_of(rows[8 * block + lane % 8], lane / 8));
                _mm256_storeu_ps(out + 8 * block, _mm256_mul_ps(symbols, step));
            }
        }
    }
}

/* Sixteen columns at a time fill a cache line of each row; then eight. */
AVX2 static size_t store_int32(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink) {
    size_t column = 0;
    for (; column + 16 <= matrix->columns; column += 16) {
        store_int32_blocks(matrix, lanes, sink, column, 2);
    }
    for (; column + 8 <= matrix->columns; column += 8) {
        store_int32_blocks(matrix, lanes, sink, column, 1);
    }
    return column;
}

AVX2 static size_t store_float32(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink) {
    size_t column = 0;
    for (; column + 16 <= matrix->columns; column += 16) {
        store_float32_blocks(matrix, lanes, sink, column, 2);
    }
    for (; column + 8 <= matrix->columns; column += 8) {
        store_float32_blocks(matrix, lanes, sink, column, 1);
    }
    return column;
}

const wcz_rans_path *wcz_rans_avx2(void) {
    static const wcz_rans_path path = {fill_unpack, decode, store_int32, store_float32};
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? &path : NULL;
}

#else

const wcz_rans_path *wcz_rans_avx2(void) { return NULL; }

#endif
