/* The model of the mixing coder (coders.md, mixing): what probability each decision gets, and how the model learns.
 *
 * Integers only; each line that could overflow says why it does not. Right shifts of negative numbers are arithmetic, as
 * with every compiler that this project supports (the tests of the house hold them to it). Internal to the kernel.
 */
#ifndef WCZ_MIXING_MODEL_H
#define WCZ_MIXING_MODEL_H

#include "bits.h"
#include "mixing_curves.h"
#include "range_coder.h"

enum {
    NODES = 14,                   /* decisions that are mixed: zero or not, then "above 1", "above 2", ... */
    SIGN_MIXER = NODES,
    LEFT_CONTEXTS = 26 * 12,      /* places of the three contexts of a magnitude in `counters` */
    PREDICTION_CONTEXTS = 26 * 15,
    NEIGHBOUR_CONTEXTS = 81,
    MAX_COUNT = 1023,
    MAX_STRETCH = 2047,           /* log-odds in 1/256 nat: up to 8 nats */
    MAX_WEIGHT = 1 << 16,         /* of a mixer, in 2^-14; these three hold every sixteenth symbol */
    MAX_SCALE_WEIGHT = 1 << 22,   /* in 2^-20 */
    MAX_TAP_WEIGHT = 1 << 18,     /* in 2^-16 */
    FEATURES = 6,
    TAPS = 8
};

static inline int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

static inline int32_t sign_case(int32_t value) {
    return (value > 0) - (value < 0) + 1;
}

/* Binary logarithm in 1/256, linear between powers of two. 0 < x < 2^25, so the result is below 25 * 256 = 6400. */
static inline int32_t log2_fixed(uint32_t x) {
    unsigned exponent = wcz_log2(x);
    uint32_t mantissa = exponent >= 8 ? x >> (exponent - 8) : x << (8 - exponent);
    return (int32_t)((exponent << 8) + (mantissa & 255));
}

/* The inverse for 0 <= log < 24 * 256: below 2^24. */
static inline int32_t exp2_fixed(int32_t log) {
    return (int32_t)(((uint64_t)(256 + (log & 255)) << (log >> 8)) >> 8);
}

/* -- counters: a probability of a one in 22 bits above the number of symbols seen in 10 bits -------------------------- */

static inline uint32_t counter(int32_t probability16, uint32_t count) {
    return (uint32_t)probability16 << 16 | count;
}

/* The probability moves by 1 / (count + 1.6) of its distance. The product has 22 + 16 bits and a sign, hence int64; as
 * the rate is below 2^16, the probability stays in 0 .. 2^22 - 1. */
static inline void learn(const wcz_mixing_model *model, uint32_t *counter, uint32_t bit, uint32_t most) {
    uint32_t count = *counter & MAX_COUNT;
    int32_t p = (int32_t)(*counter >> 10), target = bit ? (1 << 22) - 1 : 0;
    int32_t change = (int32_t)(((int64_t)(target - p) * rate_at(model, count)) >> 16);
    *counter += ((uint32_t)change << 10) + (count < most);
}

/* -- mixing ---------------------------------------------------------------------------------------------------------- */

/* Log-odds of a counter, shrunk while it has seen little: |result| <= 2047. */
static inline int32_t evidence(const wcz_mixing_model *model, uint32_t counter) {
    return (stretch_at(model, counter >> 20) * confidence_at(model, counter & MAX_COUNT)) >> 8;
}

typedef struct {
    int32_t inputs[4];     /* three counters and one number of the model: |.| <= 2047, the last <= 4094 */
    uint32_t chance;       /* of a one, in 2^-16: 22 .. 65514 */
    unsigned mixer;        /* its weights: |.| <= 2^16 + 16 * 6140, the last 2^16 + 16 * 12280 */
} mixture;

/* The sum of products is below 3 * 2047 * 163776 + 4094 * 262016 < 2^31. */
static inline void mix(const wcz_mixing_model *model, mixture *m) {
    int32_t sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += m->inputs[i] * model->mixers[m->mixer][i];
    }
    m->chance = (uint32_t)squash_at(model, clamp(sum >> 14, -MAX_STRETCH, MAX_STRETCH));
}

/* A gradient step on the code length. |error| <= 4095 and rate <= 768, so |step| <= 196560; times 4094 it is below 2^30. */
static inline void learn_mixture(wcz_mixing_model *model, const mixture *m, uint32_t bit) {
    uint8_t *uses = &model->mixer_uses[m->mixer];
    int32_t error = ((bit ? 65535 : 0) - (int32_t)m->chance) >> 4;
    int32_t step = (error * mixer_rate_at(model, *uses)) >> 4;
    *uses = (uint8_t)(*uses + (*uses < 255));
    for (int i = 0; i < 4; i++) {
        model->mixers[m->mixer][i] += (m->inputs[i] * step + (1 << 15)) >> 16;
    }
}

/* -- start ----------------------------------------------------------------------------------------------------------- */

static inline int32_t initial_chance(const wcz_mixing_model *model, int32_t sixteenths) {
    return squash_at(model, clamp(sixteenths * 16, -MAX_STRETCH, MAX_STRETCH));
}

static inline int decision_class(int node) {
    return node < 2 ? node : 2;
}

static inline void start_counters(wcz_mixing_model *model) {
    for (int node = 0; node < NODES; node++) {
        int group = decision_class(node);
        for (int i = 0; i < LEFT_CONTEXTS; i++) {
            int odds = PRIOR_SCALE[i / 12][node] + PRIOR_LEFT[group][i % 12];
            model->counters[i][node] = counter(initial_chance(model, odds), 8);
        }
        for (int i = 0; i < PREDICTION_CONTEXTS; i++) {
            int odds = PRIOR_SCALE[i / 15][node] + PRIOR_PREDICTION[group][i % 15];
            model->counters[LEFT_CONTEXTS + i][node] = counter(initial_chance(model, odds), 8);
        }
        for (int i = 0; i < NEIGHBOUR_CONTEXTS; i++) {
            const int8_t (*n)[3] = PRIOR_NEIGHBOURS[group];
            int odds = PRIOR_NODE[node] + n[0][i / 27] + n[1][i / 9 % 3] + n[2][i / 3 % 3] + n[3][i % 3];
            model->counters[LEFT_CONTEXTS + PREDICTION_CONTEXTS + i][node] = counter(initial_chance(model, odds), 4);
        }
    }
}

static inline void start_rare_counters(wcz_mixing_model *model) {
    for (int i = 0; i < 32 * 9; i++) {
        model->sign_pairs[i / 9][i % 9] = counter(initial_chance(model, PRIOR_SIGN_PAIR[i % 9]), 4);
    }
    for (int i = 0; i < 45; i++) {
        model->sign_predictions[i] = counter(initial_chance(model, PRIOR_SIGN_PREDICTION[i]), 6);
    }
    for (int i = 0; i < 32; i++) {
        model->escape_sizes[i] = model->escape_tops[i] = counter(32768, 2);
    }
    for (int i = 0; i < 64; i++) {
        model->low_bits[i / 4][i % 4] = counter(32768, 2);
    }
}

static inline void start_model(wcz_mixing_model *model) {
    start_curves(model);
    for (int i = 0; i < 16; i++) {
        model->mixer_uses[i] = 0;
    }
    start_counters(model);
    start_rare_counters(model);
    for (int i = 0; i < 4; i++) {
        for (int node = 0; node < NODES; node++) {
            model->mixers[node][i] = MIXER_START[i];
        }
        model->mixers[SIGN_MIXER][i] = SIGN_MIXER_START[i];
    }
    for (int i = 0; i < 8; i++) {
        model->scale_weights[i] = i < FEATURES ? SCALE_START[i] : 0;
    }
    model->scale_bias = 0;
    for (int i = 0; i < 3 * TAPS; i++) {
        model->shared_taps[i / TAPS][i % TAPS] = TAPS_START[i / TAPS][i % TAPS];
    }
}

#endif
