/* hierarchical_tucker (factorizations.md): a padded matrix as the root of a tree of bases. */
#include "kinds.h"

enum { MAX_NODES = 2 * MAX_MODES - 1 };

/* Nodes breadth first; the modes first .. last - 1 of each, and its left child, 0 of a leaf. */
typedef struct {
    unsigned count;
    uint8_t first[MAX_NODES], last[MAX_NODES], left[MAX_NODES];
} tree;

static void make_tree(tree *t, unsigned modes) {
    t->count = 1;
    t->first[0] = 0;
    t->last[0] = (uint8_t)modes;
    for (unsigned node = 0; node < t->count; node++) {
        unsigned held = (unsigned)t->last[node] - t->first[node], left = t->count;
        t->left[node] = 0;
        if (held > 1) {
            t->left[node] = (uint8_t)left;
            t->first[left] = t->first[node];
            t->last[left] = t->first[left + 1] = (uint8_t)(t->first[node] + (held + 1) / 2);
            t->last[left + 1] = t->last[node];
            t->count += 2;
        }
    }
}

/* Modes with the rank of each node. */
static int modes_of(const wcz_record *record, wcz_modes *modes) {
    int error = wcz_modes_of(record, modes);
    if (error || modes->ranks.count != 2 * modes->rows.count - 2) {
        return error ? error : WCZ_FACTORIZATION;
    }
    wcz_add_first_rank(modes);
    return 0;
}

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    wcz_modes modes;
    tree t;
    int error = modes_of(record, &modes);
    const uint32_t *ranks = modes.ranks.values;
    (void)kind;
    if (error) {
        return error;
    }
    make_tree(&t, modes.rows.count);
    for (unsigned node = 1; node < t.count; node++) {
        const uint64_t inside = wcz_mode_product(&modes, t.first[node], t.last[node]), outside = modes.elements / inside;
        const uint64_t most = inside < outside ? inside : outside;
        if (ranks[node] < 1 || ranks[node] > most) {
            return WCZ_FACTORIZATION;
        }
    }
    for (unsigned node = 0; record->factor_count == t.count && node < t.count; node++) {
        const unsigned left = t.left[node], mode = t.first[node];
        const uint32_t shape[3] = {left ? ranks[left] : modes.rows.values[mode],
                                   left ? ranks[left + 1] : modes.columns.values[mode], ranks[node]};
        wcz_set_shape(&factors[node], "node", 3, shape);
    }
    return record->factor_count == t.count ? 0 : WCZ_RECORD;
}

/* While it is built. */
typedef struct {
    wcz_modes modes;
    tree nodes;
} network;

/* Of every node, the vector of P at these digits: children stand behind their parents. */
static double element(wcz_product_state *p, uint32_t i, uint32_t j) {
    const network *n = (const network *)p->own;
    uint32_t rows[MAX_MODES], columns[MAX_MODES];
    double *at = p->room, *vectors[MAX_NODES];
    wcz_digits(&n->modes.rows, i, rows);
    wcz_digits(&n->modes.columns, j, columns);
    for (unsigned node = 0; node < n->nodes.count; node++) {
        vectors[node] = at;
        at += p->factors[node].shape[2];
    }
    for (unsigned node = n->nodes.count; node-- > 0;) {
        const unsigned left = n->nodes.left[node], mode = n->nodes.first[node];
        const uint32_t *shape = p->factors[node].shape;
        for (uint32_t r = 0; r < shape[2]; r++) {
            double sum = 0;
            if (!left) {
                sum = wcz_value(p, node, (rows[mode] * shape[1] + columns[mode]) * shape[2] + r);
            }
            for (uint32_t ab = 0; left && ab < shape[0] * shape[1]; ab++) {
                sum += vectors[left][ab / shape[1]] * vectors[left + 1][ab % shape[1]] *
                       wcz_value(p, node, ab * shape[2] + r);
            }
            vectors[node][r] = sum;
        }
    }
    return vectors[0][0];
}

static int build(const wcz_job *job) {
    network n;
    uint64_t terms = 0;
    uint32_t ranks = 0;         /* no more than the elements of the factors */
    (void)modes_of(job->record, &n.modes);
    make_tree(&n.nodes, n.modes.rows.count);
    for (unsigned node = 0; node < n.nodes.count; node++) {
        terms += job->factors[node].count;
        ranks += job->factors[node].shape[2];
    }
    return wcz_build_elements(job, n.modes.matrix.columns, ranks, terms, &n);
}

const wcz_kind wcz_kind_hierarchical_tucker = {8, NULL, NULL, describe, build, element};
