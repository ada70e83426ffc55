/* What kinds say of their factors: parameters, shapes, checks of integers (factorizations.md). */
#include "kinds.h"

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

int wcz_natural_param(const wcz_record *record, unsigned index, char form, uint32_t most, uint32_t *value) {
    wcz_object object;
    wcz_cursor list;
    wcz_param(record, index, &object, &list);
    if (object.type == WCZ_NO_OBJECT) {
        *value = (uint32_t)(form - '0');
        return form >= '0' ? 0 : WCZ_FACTORIZATION;
    }
    *value = (uint32_t)object.value;
    if (object.type != WCZ_INTEGER || object.negative || object.value < wcz_least(form) || object.value > most) {
        return WCZ_FACTORIZATION;
    }
    return 0;
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

/* -- views ----------------------------------------------------------------------------------------------------------- */

/* Larger ones than any limit allows are refused here, so that rows and columns fit 32 bits. */
int wcz_as_matrix(const wcz_record *record, unsigned params, wcz_extents *x) {
    uint32_t split;
    if (record->rank < 2 || record->param_count > params + 1 ||
        wcz_natural_param(record, params, '0', record->rank - 1u, &split)) {
        return WCZ_FACTORIZATION;
    }
    split = split ? split : record->rank - 1u;
    x->slices = 1;
    x->rows = wcz_count_of(record->shape, split);
    x->columns = wcz_count_of(record->shape + split, record->rank - split);
    return wcz_times(x->rows ? x->rows : 1, x->columns ? x->columns : 1) == UINT32_MAX ? WCZ_LIMIT : 0;
}

int wcz_as_column(const wcz_record *record, unsigned params, wcz_extents *x) {
    x->slices = x->columns = 1;
    x->rows = wcz_count_of(record->shape, record->rank);
    return record->param_count > params ? WCZ_FACTORIZATION : 0;
}
