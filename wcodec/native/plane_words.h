/* Elements to planes of bytes and back (coders.md, float_planes). Internal to the kernel.
 *
 * Both folds shift the sign out and flip bits where it was set: w << 1 ^ (sign ? flips : 0), which vectorises. A plane
 * is where its byte of every word stands, the most significant one first.
 */
#ifndef WCZ_PLANE_WORDS_H
#define WCZ_PLANE_WORDS_H

#include "wcz_kernel.h"

/* Bits that a set sign flips in the folded word. */
static inline uint64_t plane_flips(wcz_fold fold) {
    return fold == WCZ_FOLD_ZIGZAG ? UINT64_MAX : fold == WCZ_FOLD_ROTATE;
}

/* Bits that a set lowest bit flips in the unfolded word of `width` bytes. */
static inline uint64_t plane_flips_back(wcz_fold fold, unsigned width) {
    uint64_t sign = (uint64_t)1 << (8 * width - 1);
    return fold == WCZ_FOLD_ZIGZAG ? UINT64_MAX : fold == WCZ_FOLD_ROTATE ? sign : 0;
}

static inline void plane_split_16(const uint16_t *restrict words, size_t count, wcz_fold fold,
                                  uint8_t *restrict high, uint8_t *restrict low) {
    const unsigned shift = fold != WCZ_FOLD_NONE;
    const uint16_t flips = (uint16_t)plane_flips(fold);
    for (size_t i = 0; i < count; i++) {
        uint16_t sign = (uint16_t)-(words[i] >> 15);
        uint16_t word = (uint16_t)((uint16_t)(words[i] << shift) ^ (sign & flips));
        high[i] = (uint8_t)(word >> 8);
        low[i] = (uint8_t)word;
    }
}

static inline void plane_split_32(const uint32_t *restrict words, size_t count, wcz_fold fold,
                                  uint8_t *restrict first, uint8_t *restrict second, uint8_t *restrict third,
                                  uint8_t *restrict fourth) {
    const unsigned shift = fold != WCZ_FOLD_NONE;
    const uint32_t flips = (uint32_t)plane_flips(fold);
    for (size_t i = 0; i < count; i++) {
        uint32_t word = words[i] << shift ^ (-(words[i] >> 31) & flips);
        first[i] = (uint8_t)(word >> 24);
        second[i] = (uint8_t)(word >> 16);
        third[i] = (uint8_t)(word >> 8);
        fourth[i] = (uint8_t)word;
    }
}

static inline void plane_split_64(const uint64_t *words, size_t count, wcz_fold fold, uint8_t *planes) {
    const unsigned shift = fold != WCZ_FOLD_NONE;
    for (size_t i = 0; i < count; i++) {
        uint64_t word = words[i] << shift ^ (-(words[i] >> 63) & plane_flips(fold));
        for (unsigned plane = 0; plane < 8; plane++) {
            planes[plane * count + i] = (uint8_t)(word >> (56 - 8 * plane));
        }
    }
}

/* Elements start .. start + count - 1 to planes of `count` bytes that follow each other. */
static inline void plane_split(const wcz_elements *elements, size_t start, size_t count, uint8_t *planes) {
    const wcz_fold fold = elements->fold;
    switch (elements->width) {
        case 2:
            plane_split_16((const uint16_t *)elements->data + start, count, fold, planes, planes + count);
            break;
        case 4:
            plane_split_32((const uint32_t *)elements->data + start, count, fold, planes, planes + count,
                           planes + 2 * count, planes + 3 * count);
            break;
        case 8:
            plane_split_64((const uint64_t *)elements->data + start, count, fold, planes);
            break;
        default:
            for (size_t i = 0; i < count; i++) {
                planes[i] = ((const uint8_t *)elements->data)[start + i];
            }
    }
}

static inline void plane_merge_16(uint16_t *restrict words, size_t count, wcz_fold fold, const uint8_t *restrict high,
                                  const uint8_t *restrict low) {
    const unsigned shift = fold != WCZ_FOLD_NONE;
    const uint16_t flips = (uint16_t)plane_flips_back(fold, 2);
    for (size_t i = 0; i < count; i++) {
        uint16_t word = (uint16_t)(high[i] << 8 | low[i]);
        words[i] = (uint16_t)((uint16_t)(word >> shift) ^ ((uint16_t)-(word & 1) & flips));
    }
}

static inline void plane_merge_32(uint32_t *restrict words, size_t count, wcz_fold fold, const uint8_t *restrict first,
                                  const uint8_t *restrict second, const uint8_t *restrict third,
                                  const uint8_t *restrict fourth) {
    const unsigned shift = fold != WCZ_FOLD_NONE;
    const uint32_t flips = (uint32_t)plane_flips_back(fold, 4);
    for (size_t i = 0; i < count; i++) {
        uint32_t word = (uint32_t)first[i] << 24 | (uint32_t)second[i] << 16 | (uint32_t)third[i] << 8 | fourth[i];
        words[i] = word >> shift ^ (-(word & 1) & flips);
    }
}

static inline void plane_merge_64(uint64_t *words, size_t count, wcz_fold fold, const uint8_t *const *planes) {
    const unsigned shift = fold != WCZ_FOLD_NONE;
    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        for (unsigned plane = 0; plane < 8; plane++) {
            word = word << 8 | planes[plane][i];
        }
        words[i] = word >> shift ^ (-(word & 1) & plane_flips_back(fold, 8));
    }
}

/* The inverse, from planes wherever they are. */
static inline void plane_merge(const wcz_elements *elements, size_t start, size_t count, const uint8_t *const *planes) {
    const wcz_fold fold = elements->fold;
    switch (elements->width) {
        case 2:
            plane_merge_16((uint16_t *)elements->data + start, count, fold, planes[0], planes[1]);
            break;
        case 4:
            plane_merge_32((uint32_t *)elements->data + start, count, fold, planes[0], planes[1], planes[2],
                           planes[3]);
            break;
        case 8:
            plane_merge_64((uint64_t *)elements->data + start, count, fold, planes);
            break;
        default:
            for (size_t i = 0; i < count; i++) {
                ((uint8_t *)elements->data)[start + i] = planes[0][i];
            }
    }
}

#endif
