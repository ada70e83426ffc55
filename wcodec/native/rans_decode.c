/* Decoder of the rans coder: payload, and its arrays as matrices or as small ones (coders.md, rans). */
#include "rans_lanes.h"

/* -- small arrays, from the control string ----------------------------------------------------------------------------- */

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
        int32_t flip = rans_sign_of(3 * rans_sign_of(last) + rans_sign_of(second)), symbol;
        wcz_integer_model *model = &decoder->models[base + 3 * clipped(last) + clipped(second)];
        wcz_status status = wcz_adaptive_integer(&decoder->control, model, &symbol);
        if (status != WCZ_OK) {
            return status;
        }
        symbol = flip < 0 ? -symbol : symbol;
        if ((status = rans_store_one(sink, columns, i, symbol)) != WCZ_OK) {
            return status;
        }
        second = last;
        last = symbol;
    }
    return WCZ_OK;
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
    decoder->path->prepare(unpack);
    clear(tile, RANS_TILE * (columns + 1));
    const rans_matrix matrix = {view->rows,   columns, row_length, lanes,  slots, row_scale,
                                column_scale, near_a,  near_b,     unpack, tile};
    return rans_read_rows(decoder, &matrix, sink);
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
