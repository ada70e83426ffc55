/* What the coders share: the list of them, and how they see arrays. */
#include "coders.h"
#include "record.h"

const wcz_coder *wcz_find_coder(uint32_t number) {
#define ENTRY(name) &wcz_coder_##name,
    static const wcz_coder *const CODERS[] = {WCZ_ALL_CODERS(ENTRY) NULL};
#undef ENTRY
    const wcz_coder *const *coder = CODERS;
    while (*coder && (*coder)->number != number) {
        coder++;
    }
    return *coder;
}

int wcz_status_error(int status) {
    return status == WCZ_OK ? 0 : status == WCZ_SYMBOL ? WCZ_SYMBOL_RANGE : WCZ_PAYLOAD;
}

/* The kernel's last axis stays, those between make one; a vector is one row. */
void wcz_view_of(const wcz_array *array, wcz_view *view) {
    const unsigned rank = array->rank;
    view->rows = rank < 2 ? 1 : array->shape[0];
    view->channels = rank == 0 ? 1 : rank == 1 ? array->shape[0] : array->shape[1];
    view->kernel_rows = rank < 4 ? 1 : wcz_count_of(array->shape + 2, rank - 3);
    view->kernel_columns = rank < 3 ? 1 : array->shape[rank - 1];
    view->context_set = rank >= 2;
}
