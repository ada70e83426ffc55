/* Curves and rates of the mixing coder (coders.md, 8.1): read from tables in the model, or computed where they are asked
 * for. Both give the same integers; WCZ_FEW_TABLES takes the latter, which saves a device 21 of 81 KB. Internal to the
 * kernel.
 */
#ifndef WCZ_MIXING_CURVES_H
#define WCZ_MIXING_CURVES_H

#include "bits.h"
#include "mixing_prior.h"

enum { CURVE_KNOTS = 33, CURVE_STEP = 64, MAX_STRETCHED = 2047 };

/* Squash of i - 2048 for 0 <= i <= 2048, between its knots. */
static inline int32_t squash_below(int32_t i) {
    const int32_t knot = i / CURVE_STEP < 32 ? i / CURVE_STEP : 31, past = i - CURVE_STEP * knot;
    return (SQUASH_KNOTS[knot] * (CURVE_STEP - past) + SQUASH_KNOTS[knot + 1] * past + 32) / CURVE_STEP;
}

static inline int32_t rate_of(int32_t count) {
    return 655360 / (10 * count + 16);
}

static inline int32_t confidence_of(int32_t count) {
    return 256 * (10 * count + 3) / (10 * count + 15);
}

static inline int32_t mixer_rate_of(int32_t uses) {
    return 48 + 45 * 256 / (uses + 16);
}

#ifdef WCZ_FEW_TABLES

static inline void start_curves(wcz_mixing_model *model) {
    (void)model;
}

/* -2048 <= x < 2048 */
static inline int32_t squash_at(const wcz_mixing_model *model, int32_t x) {
    (void)model;
    return x <= 0 ? squash_below(x + 2048) : 65536 - squash_below(2048 - x);
}

/* The least i with squash_below(i) >= target: the knots that hold it, then the line between them. target <= 32768. */
static inline int32_t squash_inverse(int32_t target) {
    int32_t low = 0, high = CURVE_KNOTS - 1;      /* SQUASH_KNOTS[high] >= target */
    while (high - low > 1) {
        int32_t middle = (low + high) / 2;
        if (SQUASH_KNOTS[middle] >= target) {
            high = middle;
        } else {
            low = middle;
        }
    }
    int32_t needed = CURVE_STEP * (target - SQUASH_KNOTS[low]) - 32, slope = SQUASH_KNOTS[low + 1] - SQUASH_KNOTS[low];
    return CURVE_STEP * low + (needed > 0 ? (needed + slope - 1) / slope : 0);
}

/* 0 <= p < 4096: how many x have squash(x) below 16 p + 8. */
static inline int32_t stretch_at(const wcz_mixing_model *model, uint32_t p) {
    const int32_t target = 16 * (int32_t)p + 8;
    int32_t below = target <= 32768 ? squash_inverse(target) : 4097 - squash_inverse(65536 - target + 1);
    (void)model;
    below -= 2048;
    return below < -MAX_STRETCHED ? -MAX_STRETCHED : below > MAX_STRETCHED ? MAX_STRETCHED : below;
}

static inline int32_t rate_at(const wcz_mixing_model *model, uint32_t count) {
    (void)model;
    return rate_of((int32_t)count);
}

static inline int32_t confidence_at(const wcz_mixing_model *model, uint32_t count) {
    (void)model;
    return confidence_of((int32_t)count);
}

static inline int32_t mixer_rate_at(const wcz_mixing_model *model, uint32_t uses) {
    (void)model;
    return mixer_rate_of((int32_t)uses);
}

#else

static inline void start_curves(wcz_mixing_model *model) {
    for (int i = 0; i <= 2048; i++) {
        model->squash[i] = (uint16_t)squash_below(i);
        if (i > 0) {
            model->squash[4096 - i] = (uint16_t)(65536 - squash_below(i));
        }
    }
    int x = 0;
    for (int p = 0; p < 4096; p++) {
        while (x < 4095 && model->squash[x] < 16 * p + 8) {
            x++;
        }
        x = x < 2048 - MAX_STRETCHED ? 2048 - MAX_STRETCHED : x;
        model->stretch[p] = (int16_t)(x - 2048);
    }
    for (int n = 0; n < 1024; n++) {
        model->rates[n] = (uint16_t)rate_of(n);
        model->confidences[n] = (int16_t)confidence_of(n);
    }
    for (int n = 0; n < 256; n++) {
        model->mixer_rates[n] = (uint16_t)mixer_rate_of(n);
    }
}

static inline int32_t squash_at(const wcz_mixing_model *model, int32_t x) {
    return model->squash[x + 2048];
}

static inline int32_t stretch_at(const wcz_mixing_model *model, uint32_t p) {
    return model->stretch[p];
}

static inline int32_t rate_at(const wcz_mixing_model *model, uint32_t count) {
    return model->rates[count];
}

static inline int32_t confidence_at(const wcz_mixing_model *model, uint32_t count) {
    return model->confidences[count];
}

static inline int32_t mixer_rate_at(const wcz_mixing_model *model, uint32_t uses) {
    return model->mixer_rates[uses];
}

#endif

#endif
