/* What tensor networks of matrices share: rows and columns written with several digits (factorizations.md). */
#include "kinds.h"

enum { ROWS, COLUMNS, RANKS, ROW_AXES };

static uint32_t product_of(const wcz_list *list) {
    uint32_t product = 1;
    for (unsigned i = 0; i < list->count; i++) {
        product = wcz_times(product, list->values[i]);
    }
    return product;
}

/* Extents of at least 1, whose product is `extent` to twice that. */
static int check_extents(const wcz_list *list, uint32_t extent) {
    const uint32_t product = product_of(list), least = extent ? extent : 1;
    return product >= least && product <= 2 * (uint64_t)least ? 0 : WCZ_FACTORIZATION;
}

int wcz_modes_of(const wcz_record *record, wcz_modes *modes) {
    int error = wcz_as_matrix(record, ROW_AXES, &modes->matrix);
    if (error || (error = wcz_list_param(record, ROWS, 0, &modes->rows)) ||
        (error = wcz_list_param(record, COLUMNS, 0, &modes->columns)) ||
        (error = wcz_list_param(record, RANKS, 0, &modes->ranks))) {
        return error;
    }
    if (modes->rows.count != modes->columns.count || modes->rows.count < 2 || modes->rows.count > MAX_MODES ||
        check_extents(&modes->rows, modes->matrix.rows) || check_extents(&modes->columns, modes->matrix.columns)) {
        return WCZ_FACTORIZATION;
    }
    modes->elements = (uint64_t)product_of(&modes->rows) * product_of(&modes->columns);      /* at most 4 * 2^32 */
    return 0;
}

void wcz_add_first_rank(wcz_modes *modes) {
    uint32_t *ranks = modes->ranks.values;
    for (unsigned k = modes->ranks.count; k > 0; k--) {
        ranks[k] = ranks[k - 1];
    }
    ranks[0] = 1;
}

uint64_t wcz_mode_product(const wcz_modes *modes, unsigned first, unsigned last) {
    uint64_t product = 1;
    for (unsigned k = first; k < last; k++) {
        product *= (uint64_t)modes->rows.values[k] * modes->columns.values[k];
    }
    return product;
}

void wcz_digits(const wcz_list *extents, uint32_t place, uint32_t *digits) {
    for (unsigned k = extents->count; k-- > 0; place /= extents->values[k]) {
        digits[k] = place % extents->values[k];
    }
}

/* -- cores (r, m, n, s), the last s joined to the first r: a ring, or a train where that is 1 -------------------------- */

int wcz_describe_cores(const wcz_record *record, const wcz_modes *modes, wcz_most_ranks most, wcz_factor *factors) {
    const unsigned count = modes->rows.count;
    const uint32_t *ranks = modes->ranks.values;
    for (unsigned k = 0; k < count; k++) {
        if (ranks[k] < 1 || (k && ranks[k] > most(modes, k))) {
            return WCZ_FACTORIZATION;
        }
    }
    for (unsigned k = 0; record->factor_count == count && k < count; k++) {
        const uint32_t shape[4] = {ranks[k], modes->rows.values[k], modes->columns.values[k], ranks[(k + 1) % count]};
        wcz_set_shape(&factors[k], "core", 4, shape);
    }
    return record->factor_count == count ? 0 : WCZ_RECORD;
}

/* Vector times the matrix of a core at these digits; `to` gets s numbers. */
static void through_core(const wcz_product_state *p, unsigned core, uint32_t row, uint32_t column, const double *from,
                         double *to) {
    const uint32_t *shape = p->factors[core].shape;
    for (uint32_t s = 0; s < shape[3]; s++) {
        double sum = 0;
        for (uint32_t r = 0; r < shape[0]; r++) {
            sum += from[r] * wcz_value(p, core, ((r * shape[1] + row) * shape[2] + column) * shape[3] + s);
        }
        to[s] = sum;
    }
}

double wcz_core_element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const wcz_modes *modes = (const wcz_modes *)p->own;
    uint32_t rows[MAX_MODES], columns[MAX_MODES];
    double trace = 0;
    wcz_digits(&modes->rows, i, rows);
    wcz_digits(&modes->columns, j, columns);
    for (uint32_t end = 0; end < modes->ranks.values[0]; end++) {
        double *from = p->room, *to = p->room + modes->most_ranks;
        for (uint32_t r = 0; r < modes->ranks.values[0]; r++) {
            from[r] = r == end;
        }
        for (unsigned k = 0; k < modes->rows.count; k++) {
            double *used = from;
            through_core(p, k, rows[k], columns[k], from, to);
            from = to;
            to = used;
        }
        trace += from[end];
    }
    return trace;
}

int wcz_build_cores(const wcz_job *job, wcz_modes *modes) {
    const uint32_t *ranks = modes->ranks.values;
    uint64_t terms = 0;
    modes->most_ranks = 1;
    for (unsigned k = 0; k < modes->rows.count; k++) {
        modes->most_ranks = ranks[k] > modes->most_ranks ? ranks[k] : modes->most_ranks;
        terms += (uint64_t)ranks[k] * job->factors[k].shape[3];
    }
    return wcz_build_elements(job, modes->matrix.columns, wcz_times(2, modes->most_ranks),
                              wcz_product(ranks[0], terms), modes);
}
