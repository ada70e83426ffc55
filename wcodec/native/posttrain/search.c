/* Rounding with error feedback and a list of paths, the M-algorithm (docs/notes/posttrain.md, "More than one path").
 * The readable twin is wcodec/posttrain/reference.py. */
#include "obs.h"

#define MAX_SYMBOL 2147483647.0
#define MAX_PATHS 64
#define TRIED 3

typedef struct {
    double cost, error;    /* error: of the weight, what the later columns take over */
    size_t parent;
    int32_t symbol;
} candidate;

/* One column's view of the paths: pending[path * columns + c], and how each path came to be. */
typedef struct {
    double *pending, *next;
    double costs[MAX_PATHS];
    int32_t *symbols;      /* [c * paths + path] */
    uint8_t *parents;
    size_t count;
} path_list;

/* Nearest integer, ties to even, of |x| <= 2^31. */
static double nearest(double x) {
    const double shift = 6755399441055744.0;
    return (x + shift) - shift;
}

size_t wcz_search_room(size_t columns, size_t paths) {
    const size_t each = 2 * sizeof(double) + sizeof(int32_t) + sizeof(uint8_t);
    if (paths == 0 || paths > MAX_PATHS || columns > SIZE_MAX / (each * MAX_PATHS)) {
        return 0;
    }
    return columns * paths * each;
}

static double bits_of(const wcz_search_cost *cost, double symbol) {
    double magnitude = symbol < 0 ? -symbol : symbol;
    return cost->bits[magnitude < (double)cost->sizes ? (size_t)magnitude : cost->sizes - 1];
}

/* Into the sorted list of at most `most`, behind its equals. */
static size_t insert(candidate *list, size_t count, size_t most, const candidate *added) {
    size_t place = count;
    while (place > 0 && added->cost < list[place - 1].cost) {
        place--;
    }
    if (place == most) {
        return count;
    }
    count = count < most ? count + 1 : most;
    for (size_t i = count - 1; i > place; i--) {
        list[i] = list[i - 1];
    }
    list[place] = *added;
    return count;
}

/* The candidates of all paths for column c, the cheapest first; 0 for a symbol beyond int32. */
static size_t try_symbols(const path_list *paths, size_t columns, size_t c, double weight, double step, size_t most,
                          const wcz_search_cost *cost, candidate *found) {
    size_t count = 0;
    for (size_t path = 0; path < paths->count; path++) {
        const double quotient = paths->pending[path * columns + c] / step;
        if (!(quotient >= -MAX_SYMBOL && quotient <= MAX_SYMBOL)) { /* NaN too */
            return 0;
        }
        const double first = nearest(quotient), second = quotient < first ? first - 1 : first + 1;
        const double tried[TRIED] = {first, second, 0};
        const int zero = cost->rate > 0 && first != 0 && second != 0;
        for (int i = 0; i < (zero ? 3 : 2); i++) {
            const double off = quotient - tried[i];
            if (tried[i] < -MAX_SYMBOL || tried[i] > MAX_SYMBOL) {
                continue;
            }
            candidate added = {paths->costs[path] + cost->weights[c] * off * off, weight - tried[i] * step, path,
                               (int32_t)tried[i]};
            if (cost->rate > 0) {
                added.cost += cost->rate * bits_of(cost, tried[i]);
            }
            count = insert(found, count, most, &added);
        }
    }
    return count;
}

static void follow(path_list *paths, size_t columns, size_t c, const double *share, size_t most,
                   const candidate *found, size_t count) {
    for (size_t path = 0; path < count; path++) {
        const double *from = paths->pending + found[path].parent * columns;
        double *to = paths->next + path * columns;
        const double error = found[path].error;
        for (size_t later = c + 1; later < columns; later++) {
            to[later] = from[later] + error * share[later];
        }
        paths->costs[path] = found[path].cost;
        paths->symbols[c * most + path] = found[path].symbol;
        paths->parents[c * most + path] = (uint8_t)found[path].parent;
    }
    double *swapped = paths->pending;
    paths->pending = paths->next;
    paths->next = swapped;
    paths->count = count;
}

int wcz_search_with_feedback(const double *weights, size_t rows, size_t columns, const double *feedback,
                             const double *steps, const wcz_search_cost *cost, size_t most, int32_t *symbols,
                             void *room) {
    candidate found[MAX_PATHS];
    path_list paths = {0};
    paths.pending = (double *)room;
    paths.next = paths.pending + most * columns;
    paths.symbols = (int32_t *)(paths.next + most * columns);
    paths.parents = (uint8_t *)(paths.symbols + most * columns);
    for (size_t row = 0; row < rows; row++) {
        const double *weight = weights + row * columns;
        for (size_t c = 0; c < columns; c++) {
            paths.pending[c] = weight[c];
        }
        paths.costs[0] = 0;
        paths.count = 1;
        for (size_t c = 0; c < columns; c++) {
            size_t count = try_symbols(&paths, columns, c, weight[c], steps[row], most, cost, found);
            if (count == 0) {
                return 0;
            }
            follow(&paths, columns, c, feedback + c * columns, most, found, count);
        }
        for (size_t c = columns, path = 0; c-- > 0;) { /* the cheapest path, backwards */
            symbols[row * columns + c] = paths.symbols[c * most + path];
            path = paths.parents[c * most + path];
        }
    }
    return 1;
}
