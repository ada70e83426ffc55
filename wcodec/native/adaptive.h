/* Integers as adaptive bits of a range coder (coders.md, rans, 7.1). Internal to the kernel.
 *
 * A probability p of a one is kept in 2^-16 with a count n of the bits it has seen, and moves by 1 / (n + 1.5) of its
 * error. An integer is binarised as Elias gamma is: zero or not, sign, exponent in unary, mantissa. All bits adapt
 * but those below the two highest of the mantissa.
 */
#ifndef WCZ_ADAPTIVE_H
#define WCZ_ADAPTIVE_H

#include "range_coder.h"

#define WCZ_ADAPTIVE_LIMIT 127u
#define WCZ_MAX_EXPONENT 31u

typedef struct {
    uint16_t p;
    uint16_t n;     /* 0..WCZ_ADAPTIVE_LIMIT */
} wcz_bit_model;

typedef struct {
    wcz_bit_model zero;
    wcz_bit_model negative;
    wcz_bit_model more[WCZ_MAX_EXPONENT];              /* is the exponent greater than i? */
    wcz_bit_model mantissa[WCZ_MAX_EXPONENT + 1][3];   /* the highest bit, the next one after 0 and after 1 */
} wcz_integer_model;

static inline void wcz_reset_models(wcz_integer_model *models, size_t count) {
    wcz_bit_model *bits = (wcz_bit_model *)models;
    for (size_t i = 0; i < count * (sizeof *models / sizeof *bits); i++) {
        bits[i].p = 0x8000;
        bits[i].n = 0;
    }
}

/* 64 <= result <= 65472 */
static inline uint32_t wcz_probability(const wcz_bit_model *model) {
    uint32_t p = model->p;
    return p < 64 ? 64 : p > 65472 ? 65472 : p;
}

/* 131072 / (2 n + 3), from a table where there is room for one. */
#ifdef WCZ_FEW_TABLES

static inline uint32_t wcz_rate(uint32_t count) {
    return 131072 / (2 * count + 3);
}

#else

static const uint16_t WCZ_RATES[WCZ_ADAPTIVE_LIMIT + 1] = {
    43690, 26214, 18724, 14563, 11915, 10082, 8738, 7710, 6898, 6241, 5698, 5242, 4854, 4519, 4228, 3971,
    3744, 3542, 3360, 3196, 3048, 2912, 2788, 2674, 2570, 2473, 2383, 2299, 2221, 2148, 2080, 2016,
    1956, 1899, 1846, 1795, 1747, 1702, 1659, 1618, 1579, 1542, 1506, 1472, 1440, 1409, 1379, 1351,
    1323, 1297, 1272, 1248, 1224, 1202, 1180, 1159, 1139, 1120, 1101, 1083, 1065, 1048, 1032, 1016,
    1000, 985, 970, 956, 942, 929, 916, 903, 891, 879, 868, 856, 845, 834, 824, 814,
    804, 794, 784, 775, 766, 757, 748, 740, 732, 724, 716, 708, 700, 693, 686, 679,
    672, 665, 658, 652, 645, 639, 633, 627, 621, 615, 609, 604, 598, 593, 587, 582,
    577, 572, 567, 562, 557, 553, 548, 543, 539, 534, 530, 526, 522, 518, 514, 510,
};

static inline uint32_t wcz_rate(uint32_t count) {
    return WCZ_RATES[count];
}

#endif

static inline void wcz_adapt(wcz_bit_model *model, unsigned bit) {
    uint32_t rate = wcz_rate(model->n);     /* <= 43690: every product below fits 32 bits */
    if (bit) {
        model->p = (uint16_t)(model->p + (((65535u - model->p) * rate) >> 16));
    } else {
        model->p = (uint16_t)(model->p - ((model->p * rate) >> 16));
    }
    model->n = (uint16_t)(model->n + (model->n < WCZ_ADAPTIVE_LIMIT));
}

static inline unsigned wcz_adaptive_bit(wcz_range_decoder *in, wcz_bit_model *model) {
    unsigned bit = wcz_range_decode_bit(in, wcz_probability(model));
    wcz_adapt(model, bit);
    return bit;
}

/* 0 <= value < 2^32. */
static inline uint32_t wcz_adaptive_magnitude(wcz_range_decoder *in, wcz_integer_model *model) {
    unsigned exponent = 0;
    uint64_t value = 1;
    if (!wcz_adaptive_bit(in, &model->zero)) {
        return 0;
    }
    while (exponent < WCZ_MAX_EXPONENT && wcz_adaptive_bit(in, &model->more[exponent])) {
        exponent++;
    }
    for (unsigned i = 0; i < exponent; i++) {
        unsigned bit = i < 2 ? wcz_adaptive_bit(in, &model->mantissa[exponent][i ? 1 + (value & 1) : 0])
                             : wcz_range_decode_bit(in, WCZ_EVEN_CHANCE);
        value = value << 1 | bit;
    }
    return (uint32_t)value;
}

/* |value| <= 2^31 - 1, or WCZ_CORRUPT. */
static inline wcz_status wcz_adaptive_integer(wcz_range_decoder *in, wcz_integer_model *model, int32_t *value) {
    uint32_t magnitude = wcz_adaptive_magnitude(in, model);
    if (magnitude > 0x7FFFFFFFu) {
        return WCZ_CORRUPT;
    }
    *value = (int32_t)magnitude;
    if (magnitude && wcz_adaptive_bit(in, &model->negative)) {
        *value = -*value;
    }
    return WCZ_OK;
}

#endif
