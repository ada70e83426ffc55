/* What kinds say of their factors: parameters, shapes, checks of integers (factorizations.md). */
#include "device.h"

/* -- parameters ------------------------------------------------------------------------------------------------------ */

void wcz_param(const wcz_record *record, unsigned index, wcz_object *object, wcz_cursor *list) {
    object->type = WCZ_NO_OBJECT;
    if (index < record->param_count) {
        *list = record->params;
        for (; index; index--) {
            wcz_skip_object(list);
        }
        (void)wcz_next_object(list, object);
    }
}

int wcz_integer_param(const wcz_record *record, unsigned index, int64_t low, int64_t high, int64_t *value) {
    wcz_object object;
    wcz_cursor list;
    wcz_param(record, index, &object, &list);
    if (object.type == WCZ_NO_OBJECT) {
        return 0;      /* *value holds the default */
    }
    *value = (int64_t)object.value;
    int within = object.type == WCZ_INTEGER && (object.negative || object.value <= INT64_MAX) && *value >= low &&
                 *value <= high;
    return within ? 0 : WCZ_FACTORIZATION;
}

int wcz_size_param(const wcz_record *record, unsigned index, uint64_t most, uint64_t *value) {
    int64_t found = 0, limit = most < 1 ? 1 : most > INT64_MAX ? INT64_MAX : (int64_t)most;
    int error = wcz_integer_param(record, index, 1, limit, &found);
    *value = (uint64_t)found;
    return !error && !found ? WCZ_FACTORIZATION : error;      /* left out: it has no default */
}

int wcz_list_param(const wcz_record *record, unsigned index, int optional, wcz_list *list) {
    wcz_object object, entry;
    wcz_cursor at;
    wcz_param(record, index, &object, &at);
    list->count = 0;
    if (object.type != WCZ_ARRAY) {
        return object.type == WCZ_NO_OBJECT && optional ? 0 : WCZ_FACTORIZATION;
    }
    for (; list->count < object.value; list->count++) {      /* at most 64: the record was parsed */
        (void)wcz_next_object(&at, &entry);
        if (entry.negative || entry.value > UINT32_MAX) {
            return WCZ_FACTORIZATION;
        }
        list->values[list->count] = (uint32_t)entry.value;
    }
    return 0;
}

/* -- shapes ---------------------------------------------------------------------------------------------------------- */

void wcz_set_shape(wcz_factor *factor, const char *name, unsigned rank, const uint32_t *shape) {
    factor->name = name;
    factor->rank = rank;
    for (unsigned i = 0; i < rank; i++) {
        factor->shape[i] = shape[i];
    }
}

int wcz_set_extents(wcz_factor *factor, const char *name, unsigned rank, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    const uint64_t extents[4] = {a, b, c, d};
    uint32_t shape[4];
    for (unsigned i = 0; i < rank; i++) {
        if (extents[i] > UINT32_MAX) {
            return WCZ_LIMIT;
        }
        shape[i] = (uint32_t)extents[i];
    }
    wcz_set_shape(factor, name, rank, shape);
    return 0;
}

/* Larger ones than any limit allows are refused here, so that products of sizes fit 64 bits. */
int wcz_matrix_of(const wcz_record *record, unsigned last, wcz_matrix *matrix) {
    int64_t row_axes = 0;
    int error = record->rank < 2 || record->param_count > last + 1 ? WCZ_FACTORIZATION
                                                                   : wcz_integer_param(record, last, 0, record->rank - 1,
                                                                                       &row_axes);
    if (error) {
        return error;
    }
    unsigned split = row_axes ? (unsigned)row_axes : record->rank - 1u;
    matrix->rows = wcz_count_of(record->shape, split);
    matrix->columns = wcz_count_of(record->shape + split, record->rank - split);
    uint64_t elements = wcz_product(matrix->rows ? matrix->rows : 1, matrix->columns ? matrix->columns : 1);
    return elements > UINT32_MAX ? WCZ_LIMIT : 0;
}

int wcz_check_integers(const wcz_factor *factor, uint32_t below) {
    for (uint32_t i = 0; i < factor->count; i++) {
        int64_t value = wcz_load_integer(factor->data, factor->stored, i);
        if (value < 0 || value >= (int64_t)below) {
            return WCZ_FACTORIZATION;
        }
    }
    return 0;
}
