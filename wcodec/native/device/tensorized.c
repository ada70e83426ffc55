/* What tensor networks of matrices share: rows and columns written with several digits (factorizations.md). */
#include "device.h"

enum { ROWS, COLUMNS, RANKS, ROW_AXES };

static uint64_t product_of(const wcz_list *list) {
    uint64_t product = 1;
    for (unsigned i = 0; i < list->count; i++) {
        product = wcz_product(product, list->values[i]);
    }
    return product;
}

/* Extents of at least 1, whose product is `extent` to twice that. */
static int check_extents(const wcz_list *list, uint64_t extent) {
    const uint64_t product = product_of(list), least = extent ? extent : 1;
    return product >= least && product <= 2 * least ? 0 : WCZ_FACTORIZATION;
}

int wcz_modes_of(const wcz_record *record, wcz_modes *modes) {
    int error = wcz_matrix_of(record, ROW_AXES, &modes->matrix);
    modes->rows.count = 0;
    if (error || (error = wcz_list_param(record, ROWS, 0, &modes->rows)) ||
        (error = wcz_list_param(record, COLUMNS, 0, &modes->columns)) ||
        (error = wcz_list_param(record, RANKS, 0, &modes->ranks))) {
        return error;
    }
    if (modes->rows.count != modes->columns.count || modes->rows.count < 2 || modes->rows.count > MAX_MODES ||
        check_extents(&modes->rows, modes->matrix.rows) || check_extents(&modes->columns, modes->matrix.columns)) {
        return WCZ_FACTORIZATION;
    }
    modes->elements = product_of(&modes->rows) * product_of(&modes->columns);      /* at most 4 * 2^32 */
    return 0;
}

uint64_t wcz_mode_product(const wcz_modes *modes, unsigned first, unsigned last) {
    uint64_t product = 1;
    for (unsigned k = first; k < last; k++) {
        product *= (uint64_t)modes->rows.values[k] * modes->columns.values[k];
    }
    return product;
}

void wcz_digits(const wcz_list *extents, uint64_t place, uint32_t *digits) {
    for (unsigned k = extents->count; k-- > 0; place /= extents->values[k]) {
        digits[k] = (uint32_t)(place % extents->values[k]);
    }
}

/* -- trains and rings: cores (r, m, n, s), the last s joined to the first r ------------------------------------------- */

/* Vector times the matrix of a core at these digits; `to` gets s numbers. */
static void through_core(const wcz_product_state *p, unsigned core, uint32_t row, uint32_t column, const double *from,
                         double *to) {
    const uint32_t *shape = p->factors[core].shape;
    for (uint32_t s = 0; s < shape[3]; s++) {
        double sum = 0;
        for (uint64_t r = 0; r < shape[0]; r++) {
            sum += from[r] * wcz_value(p, core, ((r * shape[1] + row) * shape[2] + column) * shape[3] + s);
        }
        to[s] = sum;
    }
}

static double train_element(wcz_product_state *p, uint64_t i, uint64_t j) {
    wcz_modes modes;
    uint32_t rows[MAX_MODES], columns[MAX_MODES];
    const uint32_t ends = p->factors[0].shape[0];
    uint32_t most = ends;
    double trace = 0;
    for (unsigned k = 0; k < p->job->record->factor_count; k++) {
        most = p->factors[k].shape[0] > most ? p->factors[k].shape[0] : most;
    }
    (void)wcz_modes_of(p->job->record, &modes);
    wcz_digits(&modes.rows, i, rows);
    wcz_digits(&modes.columns, j, columns);
    for (uint32_t end = 0; end < ends; end++) {
        double *from = p->room, *to = p->room + most;
        for (uint32_t r = 0; r < ends; r++) {
            from[r] = r == end;
        }
        for (unsigned k = 0; k < modes.rows.count; k++) {
            double *used = from;
            through_core(p, k, rows[k], columns[k], from, to);
            from = to;
            to = used;
        }
        trace += from[end];
    }
    return trace;
}

int wcz_build_train(const wcz_job *job) {
    wcz_modes modes;
    const uint64_t ends = job->factors[0].shape[0];
    uint64_t most = 1, terms = 0;
    (void)wcz_modes_of(job->record, &modes);
    for (unsigned k = 0; k < job->record->factor_count; k++) {
        const uint32_t *shape = job->factors[k].shape;
        most = shape[0] > most ? shape[0] : most;
        terms += (uint64_t)shape[0] * shape[3];
    }
    return wcz_build_elements(job, modes.matrix.columns, 2 * most, wcz_product(ends, terms), train_element);
}
