/* The rows of one matrix of the rans decoder: steps of the lanes, their symbols stored, their escapes read, and the
 * portable way through the inner loops (coders.md, rans).
 */
#include "rans_lanes.h"

/* -- storing --------------------------------------------------------------------------------------------------------- */

/* `length`: elements of a row of the array, for its step. */
wcz_status rans_store_one(const wcz_rans_sink *sink, size_t length, size_t index, int32_t symbol) {
    switch (sink->type) {
        case WCZ_RANS_INT8:
            if (symbol < INT8_MIN || symbol > INT8_MAX) {
                return WCZ_SYMBOL;
            }
            ((int8_t *)sink->data)[index] = (int8_t)symbol;
            return WCZ_OK;
        case WCZ_RANS_INT16:
            if (symbol < INT16_MIN || symbol > INT16_MAX) {
                return WCZ_SYMBOL;
            }
            ((int16_t *)sink->data)[index] = (int16_t)symbol;
            return WCZ_OK;
        case WCZ_RANS_INT32:
            ((int32_t *)sink->data)[index] = symbol;
            return WCZ_OK;
        default:
            ((float *)sink->data)[index] = (float)symbol * rans_step_of_row(sink, index / length);
            return WCZ_OK;
    }
}

static unsigned tile_byte(unsigned lane) {
    return 4 * (lane % 8) + lane / 8;
}

/* Stores the symbols of a step from `column` on; an escape is stored as -128 and replaced later. */
static wcz_status store_rest(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink,
                             size_t column) {
    for (unsigned lane = 0; lane < matrix->lanes; lane++) {
        if (lanes->row[lane] == RANS_NO_ROW) {
            continue;
        }
        size_t first = lanes->row[lane] * matrix->columns;
        const int8_t *symbols = matrix->tile + tile_byte(lane);
        for (size_t c = column; c < matrix->columns; c++) {
            wcz_status status = rans_store_one(sink, matrix->row_length, first + c, symbols[c * RANS_TILE]);
            if (status != WCZ_OK) {
                return status;
            }
        }
    }
    return WCZ_OK;
}

static wcz_status store_step(const wcz_rans_path *path, const rans_matrix *matrix, const rans_lanes *lanes,
                             const wcz_rans_sink *sink) {
    size_t stored = 0;
    if (sink->type == WCZ_RANS_INT32) {
        stored = path->store_int32(matrix, lanes, sink);
    } else if (sink->type == WCZ_RANS_FLOAT32 && (sink->step_count == 1 || matrix->row_length == matrix->columns)) {
        stored = path->store_float32(matrix, lanes, sink);
    }
    return store_rest(matrix, lanes, sink, stored);
}

/* -- escapes, from the control string ---------------------------------------------------------------------------------- */

/* An escape e stands for e + 127 or, below 0, e - 127. */
static wcz_status read_escape(wcz_rans_decoder *decoder, int32_t *symbol) {
    wcz_status status = wcz_adaptive_integer(&decoder->control, &decoder->models[WCZ_RANS_ESCAPE], symbol);
    if (status != WCZ_OK) {
        return status;
    }
    if (*symbol == 0 || *symbol > INT32_MAX - 127 || *symbol < -INT32_MAX + 127) {
        return WCZ_CORRUPT;
    }
    *symbol += *symbol > 0 ? 127 : -127;
    return WCZ_OK;
}

static int holds_escape(const int8_t *symbols, size_t count) {
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        found |= symbols[i] == RANS_ESCAPE;
    }
    return found != 0;
}

/* Replaces the escapes of a step, columns first, then lanes. */
static wcz_status read_escapes(wcz_rans_decoder *decoder, const rans_matrix *matrix, const rans_lanes *lanes,
                               const wcz_rans_sink *sink) {
    if (!holds_escape(matrix->tile, matrix->columns * RANS_TILE)) {
        return WCZ_OK;
    }
    for (size_t column = 0; column < matrix->columns; column++) {
        for (unsigned lane = 0; lane < matrix->lanes; lane++) {
            int32_t symbol;
            wcz_status status;
            if (matrix->tile[column * RANS_TILE + tile_byte(lane)] != RANS_ESCAPE) {
                continue;
            }
            if ((status = read_escape(decoder, &symbol)) != WCZ_OK) {
                return status;
            }
            status = rans_store_one(sink, matrix->row_length, lanes->row[lane] * matrix->columns + column, symbol);
            if (status != WCZ_OK) {
                return status;
            }
        }
    }
    return WCZ_OK;
}

/* -- portable inner loops -------------------------------------------------------------------------------------------- */

static int32_t clamp(int32_t value, int32_t limit) {
    return value < 0 ? 0 : value > limit ? limit : value;
}

/* One column from `column` on with every word checked. States stay in range: an entry's frequency f >= 1 and its
 * offset < f give f (x >> 11) + offset <= x | 2047 < 2^32, and >= x >> 11 >= 2^5, so that one word is enough. */
static wcz_status decode_checked(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size,
                                 size_t *next, size_t column) {
    int8_t *tile = matrix->tile + column * RANS_TILE;
    const int8_t *near_a = matrix->tile + matrix->near_a[column] * (size_t)RANS_TILE;
    const int8_t *near_b = matrix->tile + matrix->near_b[column] * (size_t)RANS_TILE;
    for (unsigned lane = 0; lane < matrix->lanes; lane++) {
        unsigned byte = tile_byte(lane);
        int32_t context = 3 * rans_sign_of(near_a[byte]) + rans_sign_of(near_b[byte]);
        int32_t scale = clamp(lanes->scale[lane] + matrix->column_scale[column], lanes->limit[lane]);
        uint32_t state = lanes->state[lane];
        size_t table = (size_t)scale + (size_t)(context < 0 ? -context : context) * RANS_SLOTS;
        rans_slot slot = matrix->slots[table + (state & (RANS_SLOTS - 1))];
        int symbol = (int)(slot & 0xFF) - (int)(slot & 0x80) * 2;
        state = (slot >> 20) * (state >> WCZ_RANS_BITS) + (slot >> 8 & 0xFFF);
        if (state < RANS_LOW) {
            if (size - *next < 2) {
                return WCZ_TRUNCATED;
            }
            state = state << 16 | (uint32_t)words[*next] | (uint32_t)words[*next + 1] << 8;
            *next += 2;
        }
        lanes->state[lane] = state;
        tile[byte] = (int8_t)(context < 0 && symbol != RANS_ESCAPE ? -symbol : symbol);
    }
    return WCZ_OK;
}

static void prepare_nothing(uint8_t *unpack) {
    (void)unpack;
}

static size_t decode_none(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size,
                          size_t *next, size_t column) {
    (void)matrix, (void)lanes, (void)words, (void)size, (void)next;
    return column;
}

static size_t store_none(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink) {
    (void)matrix, (void)lanes, (void)sink;
    return 0;
}

const wcz_rans_path wcz_rans_portable = {prepare_nothing, decode_none, store_none, store_none};

/* -- one matrix ------------------------------------------------------------------------------------------------------ */

static wcz_status open_lanes(wcz_rans_decoder *decoder, const rans_matrix *matrix, rans_lanes *lanes) {
    if (decoder->size - decoder->next < 4 * (size_t)matrix->lanes) {
        return WCZ_TRUNCATED;
    }
    for (unsigned lane = 0; lane < matrix->lanes; lane++) {
        const uint8_t *bytes = decoder->words + decoder->next;
        lanes->state[lane] = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                             (uint32_t)bytes[3] << 24;
        decoder->next += 4;
        if (lanes->state[lane] < RANS_LOW) {
            return WCZ_CORRUPT;
        }
    }
    return WCZ_OK;
}

/* Row `step` of each band; a shorter band has none in the last step. */
static void place_lanes(const rans_matrix *matrix, rans_lanes *lanes, size_t step) {
    for (unsigned lane = 0; lane < matrix->lanes; lane++) {
        size_t row = rans_band(matrix, lane) + step;
        int active = row < rans_band(matrix, lane + 1);
        lanes->row[lane] = active ? row : RANS_NO_ROW;
        lanes->scale[lane] = active ? matrix->row_scale[row] : INT32_MAX / 2;
        lanes->limit[lane] = (active ? WCZ_RANS_CLASSES - 1 : RANS_NULL_CLASS) * RANS_STRIDE;
    }
}

static wcz_status read_step(wcz_rans_decoder *decoder, const rans_matrix *matrix, rans_lanes *lanes,
                            const wcz_rans_sink *sink) {
    size_t column = decoder->path->decode(matrix, lanes, decoder->words, decoder->size, &decoder->next, 0);
    wcz_status status = WCZ_OK;
    for (; column < matrix->columns && status == WCZ_OK; column++) {
        status = decode_checked(matrix, lanes, decoder->words, decoder->size, &decoder->next, column);
    }
    if (status != WCZ_OK || (status = store_step(decoder->path, matrix, lanes, sink)) != WCZ_OK) {
        return status;
    }
    return read_escapes(decoder, matrix, lanes, sink);
}

wcz_status rans_read_rows(wcz_rans_decoder *decoder, const rans_matrix *matrix, const wcz_rans_sink *sink) {
    rans_lanes lanes;
    wcz_status status = open_lanes(decoder, matrix, &lanes);
    size_t steps = (matrix->rows + matrix->lanes - 1) / matrix->lanes;
    for (size_t step = 0; step < steps && status == WCZ_OK; step++) {
        place_lanes(matrix, &lanes, step);
        status = read_step(decoder, matrix, &lanes, sink);
    }
    for (unsigned lane = 0; lane < matrix->lanes && status == WCZ_OK; lane++) {
        status = lanes.state[lane] == RANS_LOW ? WCZ_OK : WCZ_CORRUPT;   /* where the encoder began */
    }
    return status;
}
