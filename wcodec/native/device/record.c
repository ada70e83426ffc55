/* Records, and their factors as kind, heads and options give them (wcz.md, sections 5.2 and 5.3). */
#include "kinds.h"

#define MAX_ENTRIES 64
#define MAX_BANDS 1024

enum { KIND, PARAMS, HEADS, AXES, STREAMS, BANDS, OPTIONS };

/* -- parsing --------------------------------------------------------------------------------------------------------- */

static int split_head(uint32_t head, uint8_t *dtype, uint8_t *form, uint8_t *scan) {
    *dtype = (uint8_t)(head % 16);
    *form = (uint8_t)(head / 16 % 4);
    *scan = (uint8_t)(head / 64 % 4);
    if (*form > WCZ_VERBATIM || head / 64 > 3) {
        return WCZ_RECORD;
    }
    return *dtype < WCZ_DTYPES ? 0 : WCZ_UNKNOWN_DTYPE;
}

/* The entries of an array option, `count` of them. */
static int entries(wcz_cursor *cursor, wcz_cursor *at, uint16_t *count) {
    wcz_object object;
    int error = wcz_next_of(cursor, WCZ_ARRAY, &object);
    if (error || object.value > MAX_ENTRIES) {
        return error ? error : WCZ_RECORD;
    }
    *at = *cursor;
    *count = (uint16_t)object.value;
    return 0;
}

/* A parameter is an integer, a string or an array of integers. */
static int check_params(wcz_cursor at, uint16_t count) {
    for (; count; count--) {
        wcz_object object, entry;
        (void)wcz_next_object(&at, &object);
        if (object.type == WCZ_ARRAY && object.value <= MAX_ENTRIES) {
            for (uint64_t i = 0; i < object.value; i++) {
                (void)wcz_next_object(&at, &entry);
                if (entry.type != WCZ_INTEGER) {
                    return WCZ_RECORD;
                }
            }
        } else if (object.type != WCZ_INTEGER && object.type != WCZ_STRING) {
            return WCZ_RECORD;
        }
    }
    return 0;
}

static int parse_kind(wcz_cursor at, wcz_record *record) {
    wcz_object kind;
    (void)wcz_next_object(&at, &kind);
    record->kind = kind.type == WCZ_INTEGER && !kind.negative && kind.value < UINT32_MAX ? (uint32_t)kind.value : UINT32_MAX;
    return kind.type == WCZ_INTEGER || kind.type == WCZ_STRING ? 0 : WCZ_RECORD;
}

static int parse_options(wcz_cursor *cursor, uint64_t pairs, wcz_record *record) {
    wcz_cursor *const lists[OPTIONS] = {NULL, &record->params, &record->heads, &record->axes, &record->streams,
                                        &record->bands};
    uint16_t counts[OPTIONS] = {0};
    int error = 0;
    for (; pairs && !error; pairs--) {
        uint32_t key;
        if ((error = wcz_next_natural(cursor, &key)) || key >= OPTIONS) {
            return WCZ_RECORD;
        }
        if (key == KIND) {
            error = parse_kind(*cursor, record);
        } else {
            wcz_cursor start = *cursor;
            error = entries(&start, lists[key], &counts[key]);
        }
        wcz_skip_object(cursor);
    }
    if (error) {
        return error;
    }
    record->param_count = counts[PARAMS];
    record->factor_count = record->heads.at ? counts[HEADS] : 1;
    for (unsigned i = AXES; i < OPTIONS; i++) {
        if (lists[i]->at && counts[i] != record->factor_count) {
            return WCZ_RECORD;
        }
    }
    return record->factor_count ? check_params(record->params, record->param_count) : WCZ_RECORD;
}

/* The cursor is in a manifest that has been checked: nothing ends early. */
int wcz_parse_record(wcz_cursor *cursor, uint64_t rank, wcz_record *record) {
    wcz_record empty = {0, 0, 0, 0, {0}, 0, 1, 0, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    wcz_object object;
    uint32_t value;
    uint64_t fields;
    int error = wcz_next_object(cursor, &object), over = 0;
    *record = empty;
    if (error || object.type != WCZ_ARRAY || object.value == 0 || (error = wcz_next_natural(cursor, &value))) {
        return WCZ_RECORD;
    }
    fields = object.value;
    if ((error = split_head(value, &record->dtype, &record->form, &record->scan))) {
        return error;
    }
    for (uint64_t i = 1; i < fields; i++) {
        wcz_cursor start = *cursor;
        (void)wcz_next_object(cursor, &object);
        if (object.type == WCZ_MAP && i + 1 == fields) {
            error = parse_options(cursor, object.value, record);
        } else if (object.type != WCZ_INTEGER || object.negative) {
            error = WCZ_RECORD;
        } else if (record->rank >= rank || record->rank >= WCZ_MAX_RANK || object.value > UINT32_MAX) {
            over = 1;
        } else {
            record->shape[record->rank++] = (uint32_t)object.value;
        }
        if (error) {
            return error;
        }
        *cursor = start;
        wcz_skip_object(cursor);
    }
    return over ? WCZ_LIMIT : 0;
}

/* -- shapes ---------------------------------------------------------------------------------------------------------- */

uint32_t wcz_extent(const uint32_t *shape, unsigned rank) {
    uint32_t count = 1;
    for (unsigned i = 0; i < rank; i++) {
        count = wcz_times(count, shape[i] ? shape[i] : 1);
    }
    return count;
}

uint32_t wcz_count_of(const uint32_t *shape, unsigned rank) {
    for (unsigned i = 0; i < rank; i++) {
        if (shape[i] == 0) {
            return 0;
        }
    }
    return wcz_extent(shape, rank);
}

void wcz_scan_order(unsigned scan, unsigned rank, unsigned order[WCZ_MAX_RANK]) {
    unsigned front = (scan == 1 || scan == 2) && rank >= 2 ? 2 : scan == 3 && rank >= 1 ? 1 : 0;
    for (unsigned i = front; i < rank; i++) {
        order[i] = i - front;
    }
    if (front) {
        order[0] = scan == 2 ? rank - 2 : rank - 1;
    }
    if (front == 2) {
        order[1] = scan == 2 ? rank - 1 : rank - 2;
    }
}

/* Strides in the order of the scan, and among the steps. Saturated counts are refused by the limit of elements. */
static void set_strides(wcz_factor *factor) {
    unsigned order[WCZ_MAX_RANK];
    uint32_t stride = 1, step_stride = 1;
    wcz_scan_order(factor->scan, factor->rank, order);
    for (unsigned i = factor->rank; i-- > 0;) {
        factor->strides[order[i]] = stride;
        stride = wcz_times(stride, factor->shape[order[i]]);
    }
    factor->count = stride;
    for (unsigned i = factor->rank; factor->form == WCZ_QUANTIZED && i-- > 0;) {
        if (factor->step_axes >> i & 1) {
            factor->step_strides[i] = step_stride;
            step_stride = wcz_times(step_stride, factor->shape[i]);
        }
    }
    factor->step_count = factor->form == WCZ_QUANTIZED ? step_stride : 0;
}

/* -- joining --------------------------------------------------------------------------------------------------------- */

static int check_dtype(const wcz_record *record, const wcz_factor *factor) {
    int integer = !wcz_dtype_is_float(factor->dtype);
    if (factor->form == (integer ? WCZ_QUANTIZED : WCZ_INTEGERS)) {
        return WCZ_RECORD;
    }
    if (record->kind == 0) {
        return factor->dtype == record->dtype ? 0 : WCZ_RECORD;
    }
    if (integer != (int)factor->integer || factor->dtype == WCZ_UINT64) {
        return WCZ_RECORD;
    }
    return factor->form != WCZ_QUANTIZED || factor->dtype == WCZ_FLOAT32 ? 0 : WCZ_RECORD;
}

/* The mask of an option, or nil: the default of the kind stays. */
static int read_axes(wcz_cursor *axes, wcz_factor *factor) {
    wcz_object object;
    (void)wcz_next_object(axes, &object);
    if (object.type == WCZ_NIL) {
        return 0;
    }
    if (object.type != WCZ_INTEGER || object.negative || object.value > UINT32_MAX || factor->form != WCZ_QUANTIZED) {
        return WCZ_RECORD;
    }
    factor->step_axes = (uint32_t)object.value;
    return object.value >> factor->rank ? WCZ_RECORD : 0;
}

static int read_streams(const wcz_record *record, wcz_cursor *streams, wcz_cursor *bands, uint32_t stream_count,
                        wcz_factor *factor) {
    uint32_t stream = 0, band = 1;
    unsigned order[WCZ_MAX_RANK];
    int error = record->streams.at ? wcz_next_natural(streams, &stream) : 0;
    if (error || (record->bands.at && (error = wcz_next_natural(bands, &band)))) {
        return error;
    }
    if (band < 1 || band > MAX_BANDS || stream >= stream_count || band > stream_count - stream) {
        return WCZ_RECORD;
    }
    wcz_scan_order(factor->scan, factor->rank, order);
    if (band > 1 && (factor->rank == 0 || band > factor->shape[order[0]])) {
        return WCZ_RECORD;
    }
    factor->stream = (uint16_t)stream;
    factor->bands = (uint16_t)band;
    return 0;
}

static void default_head(const wcz_record *record, wcz_factor *factor) {
    factor->form = record->form;
    factor->scan = record->scan;
    factor->dtype = record->kind && record->form == WCZ_QUANTIZED ? (uint8_t)WCZ_FLOAT32 : record->dtype;
}

int wcz_join_factors(const wcz_record *record, uint32_t streams, wcz_factor *factors) {
    const wcz_kind *kind = wcz_find_kind(record->kind);
    wcz_cursor heads = record->heads, axes = record->axes, stream = record->streams, bands = record->bands;
    int error = kind ? kind->describe(kind, record, factors) : WCZ_UNKNOWN_KIND;
    if (!error && record->kind && !wcz_dtype_is_float(record->dtype)) {
        error = WCZ_RECORD;
    }
    for (unsigned i = 0; !error && i < record->factor_count; i++) {
        wcz_factor *factor = &factors[i];
        uint32_t head;
        default_head(record, factor);
        if (heads.at && !(error = wcz_next_natural(&heads, &head))) {
            error = split_head(head, &factor->dtype, &factor->form, &factor->scan);
        }
        if (!error && i == 0 && (factor->form != record->form || factor->scan != record->scan)) {
            error = WCZ_RECORD;
        }
        if (error || (error = check_dtype(record, factor)) || (axes.at && (error = read_axes(&axes, factor))) ||
            (error = read_streams(record, &stream, &bands, streams, factor))) {
            break;
        }
        factor->stored = factor->form == WCZ_VERBATIM ? factor->dtype : (uint8_t)WCZ_INT32;
        set_strides(factor);
    }
    return error;
}
