/* What stands before the words of a matrix: neighbours, scale exponents, frequency tables (coders.md, rans, 4-6). */
#include "rans_lanes.h"

#define MAX_SCALE 15            /* |exponent| of a row, channel or kernel position */
#define SYMBOLS 256
#define FIRST_PREDICTION 20     /* of a frequency code where nothing is known: frequency 64 */
#define MAX_CODE 39             /* frequency 1792; 2048 leaves no other symbol */

/* -- neighbours ------------------------------------------------------------------------------------------------------ */

enum { NEAR_NONE, NEAR_UP, NEAR_LEFT, NEAR_SECOND, NEAR_KERNEL, NEAR_LINE, NEAR_KINDS };

/* Distance in columns to the neighbour of a column: 0 is the row above. */
static size_t near_distance(unsigned kind, const wcz_rans_shape *view, size_t column) {
    size_t in_kernel = column % view->kernel;
    size_t line = in_kernel >= view->line ? view->line : view->kernel;     /* the line above, or the channel before */
    switch (kind) {
        case NEAR_UP: return 0;
        case NEAR_LEFT: return 1;
        case NEAR_SECOND: return 2;
        case NEAR_KERNEL: return in_kernel % view->line ? 1 : line;
        default: return line;
    }
}

static void find_near(unsigned kind, const wcz_rans_shape *view, uint32_t *near) {
    size_t columns = view->channels * view->kernel;
    for (size_t column = 0; column < columns; column++) {
        size_t distance = kind == NEAR_NONE ? columns : near_distance(kind, view, column);
        near[column] = (uint32_t)(distance <= column ? column - distance : columns);
    }
}

wcz_status rans_read_near(wcz_rans_decoder *decoder, const wcz_rans_shape *view, uint32_t *near_a, uint32_t *near_b,
                          unsigned *contexts) {
    uint32_t a = wcz_adaptive_magnitude(&decoder->control, &decoder->models[WCZ_RANS_NEAR_A]);
    uint32_t b = wcz_adaptive_magnitude(&decoder->control, &decoder->models[WCZ_RANS_NEAR_B]);
    if (a >= NEAR_KINDS || b >= NEAR_KINDS) {
        return WCZ_CORRUPT;
    }
    find_near(a, view, near_a);
    find_near(b, view, near_b);
    /* Bit i: context i can occur. */
    *contexts = a == NEAR_NONE ? (b == NEAR_NONE ? 1u : 3u) : (b == NEAR_NONE ? 9u : 31u);
    return WCZ_OK;
}

/* -- scale exponents ------------------------------------------------------------------------------------------------- */

static wcz_status read_exponents(wcz_rans_decoder *decoder, unsigned model, int32_t *exponents, size_t count) {
    int32_t exponent = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t difference;
        wcz_status status = wcz_adaptive_integer(&decoder->control, &decoder->models[model], &difference);
        if (status != WCZ_OK) {
            return status;
        }
        if (difference > 2 * MAX_SCALE || difference < -2 * MAX_SCALE) {
            return WCZ_CORRUPT;
        }
        exponent += difference;
        if (exponent > MAX_SCALE || exponent < -MAX_SCALE) {
            return WCZ_CORRUPT;
        }
        exponents[i] = exponent;
    }
    return WCZ_OK;
}

static void zero(int32_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = 0;
    }
}

static uint32_t which(const int32_t *values, size_t count, int32_t bias) {
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t value = values[i] + bias;
        seen |= (uint32_t)1 << (value < 0 ? 0 : value > 31 ? 31 : value);
    }
    return seen;
}

/* Which classes occur: every row meets every column. */
static uint32_t reached_classes(const int32_t *row_scale, size_t rows, const int32_t *column_scale, size_t columns) {
    uint32_t of_rows = which(row_scale, rows, 15);
    uint32_t reached = 0;
    for (int32_t exponent = -MAX_SCALE; exponent <= MAX_SCALE; exponent++) {
        if (of_rows >> (exponent + 15) & 1) {
            reached |= which(column_scale, columns, exponent + 8);
        }
    }
    /* Classes above 15 are clamped to 15; `which` has clamped those below 0. */
    return (reached & 0xFFFFu) | (reached >> 16 ? 0x8000u : 0u);
}

/* `spare` holds channels + kernel exponents. Exponents of a column are sums of two: |sum| <= 30. */
wcz_status rans_read_scales(wcz_rans_decoder *decoder, const wcz_rans_shape *view, int32_t *row_scale,
                            int32_t *column_scale, int32_t *spare, uint32_t *reached) {
    static const unsigned MODELS[3] = {WCZ_RANS_ROW, WCZ_RANS_CHANNEL, WCZ_RANS_KERNEL};
    int32_t *const exponents[3] = {row_scale, spare, spare + view->channels};
    const size_t counts[3] = {view->rows, view->channels, view->kernel};
    uint32_t scales = wcz_adaptive_magnitude(&decoder->control, &decoder->models[WCZ_RANS_SCALES]);
    if (scales > 7) {
        return WCZ_CORRUPT;
    }
    for (unsigned axis = 0; axis < 3; axis++) {
        zero(exponents[axis], counts[axis]);
        if (scales >> axis & 1) {
            wcz_status status = read_exponents(decoder, MODELS[axis], exponents[axis], counts[axis]);
            if (status != WCZ_OK) {
                return status;
            }
        }
    }
    for (size_t channel = 0; channel < view->channels; channel++) {
        for (size_t k = 0; k < view->kernel; k++) {
            column_scale[channel * view->kernel + k] = exponents[1][channel] + exponents[2][k];
        }
    }
    *reached = reached_classes(row_scale, view->rows, column_scale, view->channels * view->kernel);
    for (size_t row = 0; row < view->rows; row++) {
        row_scale[row] = (row_scale[row] + 8) * RANS_STRIDE;
    }
    for (size_t column = 0; column < view->channels * view->kernel; column++) {
        column_scale[column] *= RANS_STRIDE;
    }
    return WCZ_OK;
}

/* -- frequency tables ------------------------------------------------------------------------------------------------ */

typedef struct {
    uint32_t frequency[SYMBOLS];    /* by symbol + 128; sum 2048 */
    uint8_t code[SYMBOLS];          /* of the frequency, rounded down to three significant bits */
    int32_t low;                    /* coded symbols: -low..high, and the escape */
    int32_t high;
    int any;                        /* 0: the first table of the array, nothing to predict from */
} rans_table;

/* 0..7 stand for themselves; then four to the octave: 8, 10, 12, 14, 16, 20, ... */
static uint32_t decode_frequency(uint32_t code) {
    return code < 8 ? code : (4 + (code & 3)) << ((code >> 2) - 1);
}

static uint8_t encode_frequency(uint32_t frequency) {
    unsigned shift = 0;
    while (frequency >> shift >= 8) {
        shift++;
    }
    return (uint8_t)(4 * shift + (frequency >> shift));
}

static unsigned frequency_model(int32_t prediction) {
    return WCZ_RANS_FREQUENCY + (unsigned)(prediction > 12 ? 4 : prediction / 3);
}

static wcz_status read_difference(wcz_rans_decoder *decoder, unsigned model, int32_t low, int32_t high,
                                  int32_t *value) {
    int32_t difference;
    wcz_status status = wcz_adaptive_integer(&decoder->control, &decoder->models[model], &difference);
    if (status != WCZ_OK) {
        return status;
    }
    if (difference > 255 || difference < -255 || *value + difference < low || *value + difference > high) {
        return WCZ_CORRUPT;
    }
    *value += difference;
    return WCZ_OK;
}

/* The next table over the one before it; *rest is the index of the symbol whose frequency is what the others leave. */
static wcz_status read_codes(wcz_rans_decoder *decoder, rans_table *table, int32_t *rest) {
    int32_t last = FIRST_PREDICTION;
    wcz_status status = WCZ_OK;
    uint32_t rare;
    *rest = 128;
    if ((status = read_difference(decoder, WCZ_RANS_REST, 0, SYMBOLS - 1, rest)) != WCZ_OK ||
        (status = read_difference(decoder, WCZ_RANS_LOW, 0, 127, &table->low)) != WCZ_OK ||
        (status = read_difference(decoder, WCZ_RANS_HIGH, 0, 127, &table->high)) != WCZ_OK) {
        return status;
    }
    rare = wcz_adaptive_magnitude(&decoder->control, &decoder->models[WCZ_RANS_RARE]);
    if (rare > MAX_CODE) {
        return WCZ_CORRUPT;
    }
    for (int32_t s = 1; s < SYMBOLS; s++) {
        int32_t prediction = table->any ? table->code[s] : last;
        if (s < 128 - table->low || s > 128 + table->high) {
            table->code[s] = 0;
        } else if (s != *rest) {
            unsigned model = frequency_model(prediction);
            if ((status = read_difference(decoder, model, 0, MAX_CODE, &prediction)) != WCZ_OK) {
                return status;
            }
            table->code[s] = (uint8_t)prediction;
            last = prediction;
        }
    }
    table->code[0] = (uint8_t)rare;
    table->any = 1;
    return WCZ_OK;
}

static wcz_status read_table(wcz_rans_decoder *decoder, rans_table *table) {
    int32_t rest;
    uint32_t sum = 0;
    wcz_status status = read_codes(decoder, table, &rest);
    if (status != WCZ_OK) {
        return status;
    }
    table->code[rest] = 0;
    for (unsigned s = 0; s < SYMBOLS; s++) {
        table->frequency[s] = decode_frequency(table->code[s]);
        sum += table->frequency[s];
    }
    if (sum >= RANS_SLOTS) {
        return WCZ_CORRUPT;
    }
    table->frequency[rest] = (uint32_t)RANS_SLOTS - sum;
    table->code[rest] = encode_frequency(table->frequency[rest]);
    return WCZ_OK;
}

/* Fills 2048 slots: the frequencies sum to that. */
static void spread(const uint32_t *frequency, rans_slot *slots) {
    for (unsigned s = 0; s < SYMBOLS; s++) {
        rans_slot slot = frequency[s] << 20 | ((s - 128) & 0xFFu);
        for (uint32_t i = 0; i < frequency[s]; i++) {
            *slots++ = slot | i << 8;
        }
    }
}

/* Symbol 0 with certainty: decoding leaves the state as it is, so that a lane without a row costs nothing. */
static void spread_null(rans_slot *slots) {
    for (uint32_t i = 0; i < RANS_SLOTS * WCZ_RANS_CONTEXTS; i++) {
        slots[i] = (uint32_t)RANS_SLOTS << 20 | (i & (uint32_t)(RANS_SLOTS - 1)) << 8;
    }
}

/* Bit i: the contexts of class i share one table. */
static uint32_t read_merged(wcz_rans_decoder *decoder, uint32_t reached) {
    uint32_t merged = 0;
    for (unsigned scale = 0; scale < WCZ_RANS_CLASSES; scale++) {
        if (reached >> scale & 1) {
            wcz_integer_model *model = &decoder->models[WCZ_RANS_MERGED];
            merged |= (uint32_t)(wcz_adaptive_magnitude(&decoder->control, model) != 0) << scale;
        }
    }
    return merged;
}

static void copy(const rans_slot *from, rans_slot *to) {
    for (size_t i = 0; i < RANS_SLOTS; i++) {
        to[i] = from[i];
    }
}

wcz_status rans_read_tables(wcz_rans_decoder *decoder, uint32_t reached, unsigned contexts, rans_slot *slots) {
    rans_table table = {{0}, {0}, 1, 1, 0};
    uint32_t merged = contexts == 1 ? 0 : read_merged(decoder, reached);
    for (unsigned scale = 0; scale < WCZ_RANS_CLASSES; scale++) {
        rans_slot *first = slots + (size_t)scale * RANS_STRIDE;
        for (unsigned context = 0; context < WCZ_RANS_CONTEXTS && (reached >> scale & 1); context++) {
            rans_slot *mine = first + context * RANS_SLOTS;
            if (!(contexts >> context & 1)) {
                continue;
            }
            if (context > 0 && (merged >> scale & 1)) {
                copy(first, mine);
                continue;
            }
            wcz_status status = read_table(decoder, &table);
            if (status != WCZ_OK) {
                return status;
            }
            spread(table.frequency, mine);
        }
    }
    spread_null(slots + (size_t)RANS_NULL_CLASS * RANS_STRIDE);
    return WCZ_OK;
}
