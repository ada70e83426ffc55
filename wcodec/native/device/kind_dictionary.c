/* dictionary (factorizations.md): a few atoms of a dictionary for each row. */
#include "device.h"

static int describe(const wcz_record *record, wcz_factor *factors) {
    wcz_matrix m;
    uint64_t atoms, nonzeros;
    int error = wcz_matrix_of(record, 2, &m);
    if (error || (error = wcz_size_param(record, 0, m.rows, &atoms)) ||
        (error = wcz_size_param(record, 1, atoms, &nonzeros))) {
        return error;
    }
    if (record->factor_count != 3) {
        return WCZ_RECORD;
    }
    factors[0].integer = 1;
    if ((error = wcz_set_extents(&factors[0], "mask", 2, m.rows, atoms, 0, 0)) ||
        (error = wcz_set_extents(&factors[1], "coefficients", 2, m.rows, nonzeros, 0, 0))) {
        return error;
    }
    return wcz_set_extents(&factors[2], "atoms", 2, atoms, m.columns, 0, 0);
}

/* No more ones in a row than it has coefficients. */
static int check(const wcz_record *record, const wcz_factor *factors) {
    const uint32_t rows = factors[0].shape[0], atoms = factors[0].shape[1];
    int error = wcz_check_integers(&factors[0], 2);
    (void)record;
    for (uint32_t i = 0; !error && i < rows; i++) {
        uint32_t ones = 0;
        for (uint32_t a = 0; a < atoms; a++) {
            ones += (uint32_t)wcz_factor_integer(&factors[0], i * atoms + a);
        }
        error = ones > factors[1].shape[1] ? WCZ_FACTORIZATION : 0;
    }
    return error;
}

static double element(wcz_product_state *p, uint64_t i, uint64_t j) {
    const uint64_t atoms = p->factors[0].shape[1], nonzeros = p->factors[1].shape[1], columns = p->factors[2].shape[1];
    uint64_t next = i * nonzeros;
    double sum = 0;
    for (uint64_t a = 0; a < atoms; a++) {
        if (wcz_value(p, 0, i * atoms + a) != 0) {
            sum += wcz_value(p, 1, next++) * wcz_value(p, 2, a * columns + j);
        }
    }
    return sum;
}

static int build(const wcz_job *job) {
    return wcz_build_elements(job, job->factors[2].shape[1], 0, job->factors[0].shape[1], element);
}

const wcz_kind wcz_kind_dictionary = {5, describe, check, build};
