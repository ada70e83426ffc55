/* Decoder of the rans coder: payload, arrays, and the portable way through the inner loops (coders.md, rans). */
#include "rans_lanes.h"

/* -- storing --------------------------------------------------------------------------------------------------------- */

/* `length`: elements of a row of the array, for its step. */
static wcz_status store_one(const wcz_rans_sink *sink, size_t length, size_t index, int32_t symbol) {
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
            wcz_status status = store_one(sink, matrix->row_length, first + c, symbols[c * RANS_TILE]);
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

/* -- the control string: small arrays, escapes ----------------------------------------------------------------------- */

static int32_t sign_of(int32_t value) {
    return (value > 0) - (value < 0);
}

static unsigned clipped(int32_t value) {
    return value > 1 || value < -1 ? 2 : value != 0;
}

/* Elements `first`.. of an array under the models of their two predecessors, signs relative to theirs. */
static wcz_status read_serial(wcz_rans_decoder *decoder, const wcz_rans_shape *shape, const wcz_rans_sink *sink,
                              size_t first) {
    unsigned base = shape->rows == 1 ? WCZ_RANS_VECTOR : WCZ_RANS_MATRIX;
    size_t columns = shape->channels * shape->kernel;
    int32_t last = 0, second = 0;
    for (size_t i = first; i < shape->rows * columns; i++) {
        int32_t flip = sign_of(3 * sign_of(last) + sign_of(second)), symbol;
        wcz_integer_model *model = &decoder->models[base + 3 * clipped(last) + clipped(second)];
        wcz_status status = wcz_adaptive_integer(&decoder->control, model, &symbol);
        if (status != WCZ_OK) {
            return status;
        }
        symbol = flip < 0 ? -symbol : symbol;
        if ((status = store_one(sink, columns, i, symbol)) != WCZ_OK) {
            return status;
        }
        second = last;
        last = symbol;
    }
    return WCZ_OK;
}

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
            status = store_one(sink, matrix->row_length, lanes->row[lane] * matrix->columns + column, symbol);
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
        int32_t context = 3 * sign_of(near_a[byte]) + sign_of(near_b[byte]);
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

static size_t decode_none(const rans_matrix *matrix, rans_lanes *lanes, const uint8_t *words, size_t size,
                          size_t *next, size_t column) {
    (void)matrix, (void)lanes, (void)words, (void)size, (void)next;
    return column;
}

static size_t store_none(const rans_matrix *matrix, const rans_lanes *lanes, const wcz_rans_sink *sink) {
    (void)matrix, (void)lanes, (void)sink;
    return 0;
}

const wcz_rans_path wcz_rans_portable = {decode_none, store_none, store_none};

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

static wcz_status read_rows(wcz_rans_decoder *decoder, const rans_matrix *matrix, const wcz_rans_sink *sink) {
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

/* -- arrays ---------------------------------------------------------------------------------------------------------- */

enum {
    SLOT_BYTES = (WCZ_RANS_CLASSES + 1) * WCZ_RANS_CONTEXTS * (1 << WCZ_RANS_BITS) * 4,
    UNPACK_BYTES = 256 * 16,
    ALIGNMENT = 32,
    LEAST_ELEMENTS = 1024       /* of an array with tables: bounds the time that a table takes for an element */
};

/* The array cut into one row a lane, for arrays with fewer rows than lanes; what is left over is coded serially. */
static wcz_rans_shape flat_view(const wcz_rans_shape *shape, unsigned lanes) {
    size_t columns = shape->rows * shape->channels * shape->kernel / lanes;
    wcz_rans_shape view = {lanes, columns, 1, 1};
    return view;
}

static uint64_t scratch_of(const wcz_rans_shape *view) {
    uint64_t columns = (uint64_t)view->channels * view->kernel;
    uint64_t words = (uint64_t)view->rows + 3 * columns + view->channels + view->kernel;
    return SLOT_BYTES + UNPACK_BYTES + 4 * words + RANS_TILE * (columns + 1) + 5 * ALIGNMENT;
}

size_t wcz_rans_scratch(const wcz_rans_shape *shape) {
    uint64_t limit = (uint64_t)1 << 34, columns;     /* so that the number of a column fits 32 bits */
    if (shape->channels > limit || shape->kernel > limit / (shape->channels + 1)) {
        return 0;
    }
    columns = (uint64_t)shape->channels * shape->kernel;
    if (shape->rows > limit / (columns + 1) || shape->line == 0 || shape->rows * columns == 0) {
        return 0;
    }
    const wcz_rans_shape flat = flat_view(shape, 8);
    const uint64_t of_flat = scratch_of(&flat), of_rows = shape->rows >= 8 ? scratch_of(shape) : 0;
    const uint64_t most = of_rows > of_flat ? of_rows : of_flat;
    return most <= SIZE_MAX / 2 ? (size_t)most : 0;
}

static void *take(uint8_t **scratch, size_t size) {
    uint8_t *start = *scratch + (ALIGNMENT - (uintptr_t)*scratch % ALIGNMENT) % ALIGNMENT;
    *scratch = start + size;
    return start;
}

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

static void clear(int8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = 0;
    }
}

static wcz_status read_matrix(wcz_rans_decoder *decoder, const wcz_rans_shape *view, size_t row_length,
                              unsigned lanes, const wcz_rans_sink *sink, uint8_t *scratch) {
    size_t columns = view->channels * view->kernel;
    rans_slot *slots = (rans_slot *)take(&scratch, SLOT_BYTES);
    uint8_t *unpack = (uint8_t *)take(&scratch, UNPACK_BYTES);
    int8_t *tile = (int8_t *)take(&scratch, RANS_TILE * (columns + 1));
    int32_t *row_scale = (int32_t *)take(&scratch, 4 * view->rows);
    int32_t *column_scale = (int32_t *)take(&scratch, 4 * (3 * columns + view->channels + view->kernel));
    uint32_t *near_a = (uint32_t *)column_scale + columns;
    uint32_t *near_b = near_a + columns;
    unsigned contexts;
    uint32_t reached;
    wcz_status status;
    if ((status = rans_read_near(decoder, view, near_a, near_b, &contexts)) != WCZ_OK ||
        (status = rans_read_scales(decoder, view, row_scale, column_scale, (int32_t *)near_b + columns, &reached)) !=
            WCZ_OK ||
        (status = rans_read_tables(decoder, reached, contexts, slots)) != WCZ_OK) {
        return status;
    }
    fill_unpack(unpack);
    clear(tile, RANS_TILE * (columns + 1));
    const rans_matrix matrix = {view->rows,   columns, row_length, lanes,  slots, row_scale,
                                column_scale, near_a,  near_b,     unpack, tile};
    return read_rows(decoder, &matrix, sink);
}

wcz_status wcz_rans_open(wcz_rans_decoder *decoder, const wcz_rans_path *path, const uint8_t *payload, size_t size) {
    uint64_t length = 0;
    size_t head = 0;
    for (unsigned shift = 0; ; shift += 7) {        /* LEB128 of the length of the control string */
        if (head == size) {
            return WCZ_TRUNCATED;
        }
        if (shift > 56) {
            return WCZ_CORRUPT;
        }
        length |= (uint64_t)(payload[head] & 0x7F) << shift;
        if (!(payload[head++] & 0x80)) {
            break;
        }
    }
    if (length > size - head) {
        return WCZ_TRUNCATED;
    }
    decoder->path = path;
    wcz_range_decode_start(&decoder->control, payload + head, (size_t)length);
    wcz_reset_models(decoder->models, WCZ_RANS_MODELS);
    decoder->words = payload + head + (size_t)length;
    decoder->size = size - head - (size_t)length;
    decoder->next = 0;
    return WCZ_OK;
}

wcz_status wcz_rans_read(wcz_rans_decoder *decoder, const wcz_rans_shape *shape, const wcz_rans_sink *sink,
                         void *scratch, size_t scratch_size) {
    static const unsigned LANES[3] = {0, 8, WCZ_RANS_LANES};
    size_t needed = wcz_rans_scratch(shape);
    uint32_t layout, flat;
    wcz_rans_shape view = *shape;
    wcz_status status;
    if (needed == 0 || scratch_size < needed || (sink->type == WCZ_RANS_FLOAT32 && sink->step_count != 1 &&
                                                 sink->step_count != shape->rows)) {
        return WCZ_ARGUMENT;
    }
    layout = wcz_adaptive_magnitude(&decoder->control, &decoder->models[WCZ_RANS_LAYOUT]);
    if (layout == 0) {
        return read_serial(decoder, shape, sink, 0);
    }
    flat = wcz_adaptive_magnitude(&decoder->control, &decoder->models[WCZ_RANS_VIEW]);
    if (layout > 2 || flat > 1 || shape->rows * shape->channels * shape->kernel < LEAST_ELEMENTS) {
        return WCZ_CORRUPT;
    }
    if (flat) {
        view = flat_view(shape, LANES[layout]);
    }
    if (view.rows < LANES[layout] || view.channels == 0) {
        return WCZ_CORRUPT;
    }
    if ((status = read_matrix(decoder, &view, shape->channels * shape->kernel, LANES[layout], sink,
                              (uint8_t *)scratch)) != WCZ_OK) {
        return status;
    }
    return read_serial(decoder, shape, sink, view.rows * view.channels * view.kernel);
}

wcz_status wcz_rans_close(const wcz_rans_decoder *decoder) {
    return decoder->next == decoder->size && wcz_range_decode_end(&decoder->control) == WCZ_OK ? WCZ_OK : WCZ_OVERRUN;
}
