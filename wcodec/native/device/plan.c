/* What most kinds say of themselves, read from one string (kinds.h): parameters, factors, integers, work. */
#include "kinds.h"

/* -- expressions ------------------------------------------------------------------------------------------------------ */

static uint32_t evaluate(const char **at, const wcz_extents *x);

static uint32_t operand(const char **at, const wcz_extents *x) {
    const char c = *(*at)++;
    uint32_t value;
    if (c == '(') {
        value = evaluate(at, x);
        ++*at;      /* ')' */
        return value;
    }
    if (c >= 'a') {
        return x->params[c - 'a'];
    }
    if (c >= 'A') {
        return c == 'R' ? x->rows : c == 'C' ? x->columns : x->slices;
    }
    for (value = (uint32_t)(c - '0'); **at >= '0' && **at <= '9'; ++*at) {
        value = 10 * value + (uint32_t)(**at - '0');
    }
    return value;
}

/* From left to right. Sums do not overflow where they stand; a divisor is a parameter that is at least 1. */
static uint32_t evaluate(const char **at, const wcz_extents *x) {
    uint32_t value = operand(at, x);
    for (;;) {
        const char sign = **at;
        if (sign != '*' && sign != '/' && sign != '&' && sign != '+') {
            return value;
        }
        ++*at;
        const uint32_t other = operand(at, x);
        if (sign == '*') {
            value = wcz_times(value, other);
        } else if (sign == '/') {
            value = value / other + (value % other != 0);
        } else if (sign == '+') {
            value += other;
        } else {
            value = value < other ? value : other;
        }
    }
}

static const char *past_end(const char *text) {
    while (*text++) {
    }
    return text;
}

/* -- what a plan says of a record --------------------------------------------------------------------------------- */

/* A bound may name any parameter, so all of them are read before the first is held to it. */
int wcz_read_plan(const wcz_kind *kind, const wcz_record *record, wcz_extents *x) {
    const char *at = kind->plan;
    unsigned count = 0;
    for (; *at; at = past_end(at)) {
        count++;
    }
    x->work = at + 1;
    x->factors = past_end(x->work);
    int error = kind->view(record, count, x);
    at = kind->plan;
    for (unsigned i = 0; !error && i < count; i++, at = past_end(at)) {
        error = wcz_natural_param(record, i, *at, UINT32_MAX, &x->params[i]);
    }
    at = kind->plan;
    for (unsigned i = 0; !error && i < count; i++, at++) {
        const uint32_t least = wcz_least(*at++), most = evaluate(&at, x);
        error = x->params[i] > (most ? most : least) ? WCZ_FACTORIZATION : 0;
    }
    return error;
}

/* -- factors ---------------------------------------------------------------------------------------------------------- */

/* Of one factor, whose extents are at *at. */
static int read_shape(const char **at, const wcz_extents *x, const wcz_record *record, wcz_factor *factor) {
    if (**at == '=') {
        wcz_set_shape(factor, factor->name, record->rank, record->shape);
        ++*at;
    }
    while (**at && **at != '<') {
        const uint32_t extent = evaluate(at, x);
        if (extent == UINT32_MAX) {
            return WCZ_LIMIT;
        }
        factor->shape[factor->rank++] = extent;
        *at += **at == ',';
    }
    factor->integer = **at == '<';
    return 0;
}

int wcz_describe_plan(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    wcz_extents x;
    unsigned count = 0;
    int error = wcz_read_plan(kind, record, &x);
    for (const char *at = x.factors; *at; at = past_end(past_end(at))) {
        count++;
    }
    if (error || record->factor_count != count) {
        return error ? error : WCZ_RECORD;
    }
    for (const char *at = x.factors; !error && *at; at = past_end(at), factors++) {
        factors->name = at;
        at = past_end(at);
        error = read_shape(&at, &x, record, factors);
    }
    return error;
}

/* -- decoded factors -------------------------------------------------------------------------------------------------- */

/* Each element is from 0 to below `below`. */
static int check_integers(const wcz_factor *factor, uint32_t below, uint64_t *sum) {
    *sum = 0;
    for (uint32_t i = 0; i < factor->count; i++) {
        const int64_t value = wcz_load_integer(factor->data, factor->stored, i);
        if (value < 0 || value >= (int64_t)below) {
            return WCZ_FACTORIZATION;
        }
        *sum += (uint64_t)value;
    }
    return 0;
}

static int check_rows(const wcz_factor *mask, uint32_t most) {
    uint32_t ones = 0;
    for (uint32_t i = 0; i < mask->count; i++) {
        ones = (i % mask->shape[1] ? ones : 0) + (uint32_t)wcz_factor_integer(mask, i);
        if (ones > most) {
            return WCZ_FACTORIZATION;
        }
    }
    return 0;
}

/* `at` is behind the '<' of the factor. */
static int check_factor(const char *at, const wcz_extents *x, const wcz_factor *factor) {
    uint64_t sum;
    int error = check_integers(factor, evaluate(&at, x), &sum);
    const char rule = *at++;
    if (error || !rule) {
        return error;
    }
    const uint32_t ones = evaluate(&at, x);
    return rule == '%' ? check_rows(factor, ones) : sum == ones ? 0 : WCZ_FACTORIZATION;
}

int wcz_check_factors(const wcz_kind *kind, const wcz_record *record, const wcz_factor *factors) {
    wcz_extents x;
    int error = 0;
    if (kind->plan) {
        (void)wcz_read_plan(kind, record, &x);
    }
    for (const char *at = kind->plan ? x.factors : ""; !error && *at; at = past_end(at), factors++) {
        at = past_end(at);
        while (*at && *at++ != '<') {
        }
        error = *at ? check_factor(at, &x, factors) : 0;
    }
    return error;
}

/* -- work ------------------------------------------------------------------------------------------------------------- */

int wcz_build_plan(const wcz_job *job) {
    wcz_extents x;
    int error = wcz_read_plan(job->kind, job->record, &x);
    if (error) {
        return error;       /* never: the record has been described */
    }
    const char *at = x.work;
    const uint32_t room = evaluate(&at, &x);
    at++;       /* ',' */
    return wcz_build_elements(job, x.columns, room, evaluate(&at, &x), &x);
}
