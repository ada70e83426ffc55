/* A symbol of the mixing coder as decisions (coders.md, mixing): zero or not, sign, magnitude. A template: see
 * mixing_walk.h, which includes it.
 */
#include "mixing_outlook.h"

/* -- decisions ------------------------------------------------------------------------------------------------------- */

static inline mixture mixture_of(const wcz_mixing_model *model, uint32_t *const counters[3], int count,
                                 int32_t last_input, unsigned mixer) {
    mixture m = {{0, 0, 0, last_input}, 0, mixer};
    for (int i = 0; i < count; i++) {
        m.inputs[i] = evidence(model, *counters[i]);
    }
    mix(model, &m);
    return m;
}

static inline void learn_decision(wcz_mixing_model *model, const mixture *m, uint32_t *const counters[3], int count,
                                  uint32_t bit) {
    learn_mixture(model, m, bit);
    for (int i = 0; i < count; i++) {
        learn(model, counters[i], bit, MAX_COUNT);
    }
}

/* A decision about the magnitude: two thirds of them can be foreseen, so the processor may go on with its guess. */
static inline uint32_t code_node(wcz_mixing_model *model, sink *to, uint32_t *const counters[3], int32_t fraction,
                                 unsigned node, uint32_t bit) {
    mixture m = mixture_of(model, counters, 3, fraction, node);
    if (sink_branch(to, m.chance, bit)) {
        learn_decision(model, &m, counters, 3, 1);
        return 1;
    }
    learn_decision(model, &m, counters, 3, 0);
    return 0;
}

static inline uint32_t code_plain(const wcz_mixing_model *model, sink *to, uint32_t *counter, uint32_t bit) {
    uint32_t chance = *counter >> 16;
    chance = chance < 32 ? 32 : chance > 65504 ? 65504 : chance;
    bit = sink_bit(to, chance, bit);
    learn(model, counter, bit, 255);
    return bit;
}

/* `count` <= 31 even bits of `value`, the highest first. */
static inline uint32_t code_even(sink *to, int count, uint32_t value) {
    uint32_t result = 0;
    while (count-- > 0) {
        result = result << 1 | sink_bit(to, WCZ_EVEN_CHANCE, value >> count & 1);
    }
    return result;
}

/* Exponential Golomb of order 2: sizes 2 .. 31, then that many bits, the highest with a counter. 0 <= value < 2^32 - 4. */
static inline uint32_t code_escape(wcz_mixing_model *model, sink *to, uint32_t value) {
    int size = 2, actual = (int)wcz_log2(value + 4);
    while (size < 31 && code_plain(model, to, &model->escape_sizes[size], size < actual)) {
        size++;
    }
    uint32_t low = value + 4 - ((uint32_t)1 << size);
    uint32_t top = code_plain(model, to, &model->escape_tops[size], low >> (size - 1) & 1);
    uint32_t rest = code_even(to, size - 1, low & (((uint32_t)1 << (size - 1)) - 1));
    return ((uint32_t)1 << size) + (top << (size - 1)) + rest - 4;
}

/* The three counters of a magnitude, at a prediction of zero. Magnitudes around are rounded to units of the scale: those
 * of four neighbours to 0 .. 2, of the symbol before to 0 .. 3, of the one before that to 0 .. 2. */
static inline void choose_counters(wcz_mixing_model *model, const walk *at, const outlook *o, uint32_t *counters[3]) {
    static const int16_t MOST[8] = {2, 2, 2, 2, 3, 2, 0, 0}, WEIGHTS[8] = {3, 1, 9, 27, 3, 1, 0, 0};
    int32_t bin = clamp((o->scale - 1280) >> 7, 0, 25), unit = clamp((o->scale - 3200) >> 8, 0, 6), around, before;
    const int16_t *here = at->lines[0] + at->column;
    lanes symbols = lanes_with_two(o->neighbours, here[-1], here[-2]);
    lanes_weigh(&symbols, unit, MOST, WEIGHTS, &around, &before);
    counters[0] = model->counters[bin * 12 + before];
    counters[1] = model->counters[LEFT_CONTEXTS + bin * 15];
    counters[2] = model->counters[LEFT_CONTEXTS + PREDICTION_CONTEXTS + around];
}

/* A sign, which is hard to foresee: no branch. */
static inline uint32_t code_negative(wcz_mixing_model *model, sink *to, const walk *at, const outlook *o,
                                     uint32_t negative) {
    size_t place = at->place < 31 ? at->place : 31;
    uint32_t *counters[3] = {&model->sign_pairs[place][sign_case(LANE(o->neighbours, 0)) * 3 + sign_case(LANE(o->neighbours, 1))],
                             &model->sign_predictions[(o->bin + 7) * 3 + sign_case(LANE(o->neighbours, 2))], 0};
    mixture m = mixture_of(model, counters, 2, -2 * o->ratio, SIGN_MIXER);
    negative = sink_bit(to, m.chance, negative);
    learn_decision(model, &m, counters, 2, negative);
    return negative;
}

/* Magnitude less one, known to be below 2^31 - 1 in the encoder: the part above the noise in unary, the rest nearly even.
 * A decoder that finds a larger one gives 2^31 - 1. */
static inline uint32_t code_excess(wcz_mixing_model *model, sink *to, const outlook *o, uint32_t *const counters[3],
                                   int32_t fraction, uint32_t excess) {
    int32_t shift = (o->scale >> 8) - 13;
    shift = shift > 0 ? shift : 0;
    uint32_t high = excess >> shift, node = 1;
    for (; node < NODES; node++) {
        uint32_t *const at_node[3] = {counters[0] + node, counters[1] + node, counters[2] + node};
        if (!code_node(model, to, at_node, fraction, node, high >= node)) {
            break;
        }
    }
    uint32_t result = node - 1;
    if (node == NODES) {
        uint32_t escape = code_escape(model, to, high - (NODES - 1));
        if (escape > ((uint32_t)INT32_MAX >> shift) - (NODES - 1)) {
            return INT32_MAX;
        }
        result += escape;
    }
    if (shift > 0) {
        uint32_t *top = &model->low_bits[shift][node < 4 ? node - 1 : 3];
        result = result << 1 | code_plain(model, to, top, excess >> (shift - 1) & 1);
        result = result << (shift - 1) | code_even(to, shift - 1, excess & ((1u << (shift - 1)) - 1));
    }
    return result;
}

/* The symbol; INT32_MIN where a payload holds one that no encoder writes. */
static inline int32_t code_symbol(wcz_mixing_model *model, sink *to, const walk *at, const outlook *o, int32_t value) {
    uint32_t *counters[3], magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    int32_t fraction = ((o->scale - 1280) & 127) * 4 - 256;
    choose_counters(model, at, o, counters);
    int32_t strength = o->bin < 0 ? -o->bin : o->bin;
    uint32_t *prediction = counters[1];
    counters[1] = prediction + 16 * strength;
    if (!code_node(model, to, counters, fraction, 0, value != 0)) {
        return 0;
    }
    uint32_t negative = code_negative(model, to, at, o, value < 0);
    int against = (strength != 0) & (negative != (uint32_t)(o->bin < 0));
    counters[1] = prediction + 16 * (7 * against + strength);
    uint32_t excess = code_excess(model, to, o, counters, fraction, magnitude - 1);
    if (excess >= INT32_MAX) {
        return INT32_MIN;
    }
    return negative ? -1 - (int32_t)excess : 1 + (int32_t)excess;
}
