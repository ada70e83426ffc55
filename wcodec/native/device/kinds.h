/* Kinds of factorization: their list, what each says of its factors, and how tensors are computed from them. */
#ifndef WCZ_KINDS_H
#define WCZ_KINDS_H

#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wcz_kind wcz_kind;

typedef struct {
    const wcz_memory *memory;
    const wcz_kind *kind;
    const wcz_record *record;
    const wcz_factor *factors;
    void *out;                  /* the tensor, row-major */
    unsigned dtype;             /* of `out` */
    uint64_t most_terms;        /* of all sums of products: a hostile file must not take days */
} wcz_job;

/* What a plan counts with; 2^32 - 1 stands for all that is larger. */
typedef struct {
    uint32_t rows, columns;     /* of the weight as its kind sees it */
    uint32_t slices;            /* what else the kind counts */
    uint32_t params[4];
    const char *work, *factors; /* parts of the plan */
} wcz_extents;

typedef struct wcz_product_state wcz_product_state;

/* Element (i, j) of the weight as a matrix. */
typedef double (*wcz_element)(wcz_product_state *p, uint32_t i, uint32_t j);

struct wcz_kind {
    uint32_t number;
    const char *plan;           /* parameters, work and factors: see PLAN */
    /* Fills rows, columns and slices; the kind has `params` parameters of its own, and what is behind them the view reads. */
    int (*view)(const wcz_record *record, unsigned params, wcz_extents *x);
    /* Names, shapes, default step axes and `integer` of the factors: wcz_describe_plan, or what a plan cannot say.
     * WCZ_FACTORIZATION for bad parameters, WCZ_RECORD for another number of factors. */
    int (*describe)(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors);
    int (*build)(const wcz_job *job);      /* wcz_build_plan: element by element; NULL: factors only */
    wcz_element element;
};

/* A plan is one string of expressions (plan.c). An expression has numbers, R, C and S (rows, columns, slices), a to d (the
 * parameters before), parentheses, and + * / & from left to right: / rounds up, & is the smaller one.
 *
 *     PLAN(SIZE("R&C"), "0,a", FACTOR("left", "R,a") FACTOR("right", "a,C"))
 *
 * is a kind with a parameter from 1 to min(R, C), whose elements take no room and are sums of `a` terms, and two factors. */
#define PLAN(params, work, factors) params "\0" work "\0" factors

/* A parameter from 1 (COUNT: from 0) to `most`, which a file has to give, or has a default, a digit; where that is 0, the
 * parameter is from 0. */
#define SIZE(most) "!" most "\0"
#define COUNT(most) "#" most "\0"
#define DEFAULT(value, most) value most "\0"

/* A factor and its extents; "=": the shape of the tensor. INTEGERS are from 0 to below a number; a MASK has 0 and 1, so
 * many ones in all, and a ROW_MASK so many at most in each row. */
#define FACTOR(name, extents) name "\0" extents "\0"
#define INTEGERS(name, extents, below) name "\0" extents "<" below "\0"
#define MASK(name, extents, ones) name "\0" extents "<2#" ones "\0"
#define ROW_MASK(name, extents, ones) name "\0" extents "<2%" ones "\0"

/* Every kind, a line each; wcz_kind_<name> is in kind_<name>.c, three bases of images in one. WCZ_BASIC_KINDS leaves all but
 * the first five out. */
#define WCZ_FIRST_KINDS(KIND) \
    KIND(dense) \
    KIND(rdft) \
    KIND(low_rank) \
    KIND(kmeans) \
    KIND(sparse)

#ifdef WCZ_BASIC_KINDS
#define WCZ_ALL_KINDS WCZ_FIRST_KINDS
#else
#define WCZ_ALL_KINDS(KIND) \
    WCZ_FIRST_KINDS(KIND) \
    KIND(dictionary) \
    KIND(tensor_train) \
    KIND(tensor_ring) \
    KIND(hierarchical_tucker) \
    KIND(tucker2) \
    KIND(cp) \
    KIND(product_quantization) \
    KIND(sparse_kmeans) \
    KIND(simhash) \
    KIND(random_projection) \
    KIND(block_diagonal) \
    KIND(input_output) \
    KIND(mixed_block) \
    KIND(t_product) \
    KIND(t_linear) \
    KIND(tent) \
    KIND(pool) \
    KIND(dct) \
    KIND(block) \
    KIND(tfc) \
    KIND(block_sparse)
#endif

#define WCZ_DECLARE_KIND(name) extern const wcz_kind wcz_kind_##name;
WCZ_ALL_KINDS(WCZ_DECLARE_KIND)

const wcz_kind *wcz_find_kind(uint32_t number);

/* WCZ_FACTORIZATION where decoded factors do not hold to what the plan says of integers. */
int wcz_check_factors(const wcz_kind *kind, const wcz_record *record, const wcz_factor *factors);

/* -- plan.c ----------------------------------------------------------------------------------------------------------- */

int wcz_read_plan(const wcz_kind *kind, const wcz_record *record, wcz_extents *x);
int wcz_describe_plan(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors);
int wcz_build_plan(const wcz_job *job);

/* -- factors.c: what the kinds share ---------------------------------------------------------------------------------- */

/* Views: the matrix of row_axes; all elements as one column. */
int wcz_as_matrix(const wcz_record *record, unsigned params, wcz_extents *x);
int wcz_as_column(const wcz_record *record, unsigned params, wcz_extents *x);

void wcz_set_shape(wcz_factor *factor, const char *name, unsigned rank, const uint32_t *shape);

/* Parameter `index`, a natural number up to `most`; its form is the first character of SIZE, COUNT or DEFAULT. */
int wcz_natural_param(const wcz_record *record, unsigned index, char form, uint32_t most, uint32_t *value);

static inline uint32_t wcz_least(char form) {
    return form != '#' && form != '0';
}

enum { MAX_LIST = 64, MAX_MODES = 16 };

typedef struct {
    unsigned count;
    uint32_t values[MAX_LIST];
} wcz_list;

/* A parameter that is an array of natural numbers; empty where it is left out and `optional`. */
int wcz_list_param(const wcz_record *record, unsigned index, int optional, wcz_list *list);

/* -- products.c -------------------------------------------------------------------------------------------------------- */

/* Element of a factor at its place in row-major order: its value, or an integer. */
double wcz_factor_value(const wcz_factor *factor, uint32_t index);
int64_t wcz_factor_integer(const wcz_factor *factor, uint32_t index);

/* Values of a factor in row-major order: float, or double where `wide`. */
typedef struct {
    void *data;
    int wide;
} wcz_values;

int wcz_widen(const wcz_memory *memory, const wcz_factor *factor, wcz_values *values);
double wcz_at(const wcz_values *values, size_t index);
/* Sum of a[i * a_stride] b[i * b_stride]: in float, or in double where one of them is wide. */
double wcz_dot(const wcz_values *a, size_t a_start, size_t a_stride, const wcz_values *b, size_t b_start,
               size_t b_stride, size_t count);

/* A product that is computed element by element, from widened factors, in double. */
struct wcz_product_state {
    const wcz_job *job;
    const wcz_factor *factors;
    const void *own;            /* the kind's; its wcz_extents where it has a plan */
    wcz_values *values;
    double *room;               /* as many as the kind asks for */
    uint32_t next;              /* 0 at the start; the kind's */
};

/* All elements of the kind in order, the tensor being a matrix of so many columns. An element is the sum of so many
 * `terms`: WCZ_ERROR_PRODUCT where all of them are more than the job allows. */
int wcz_build_elements(const wcz_job *job, uint32_t columns, uint32_t room, uint64_t terms, const void *own);
double wcz_value(const wcz_product_state *p, unsigned factor, uint32_t index);

/* sin(2 pi k / n), and the square root of k / n <= 2, to double's precision. */
double wcz_sine_of_turn(uint32_t k, uint32_t n);
double wcz_square_root(uint32_t k, uint32_t n);

/* T of factorizations.md, t_product: fills 4 p + 1 numbers of room, then T[f, k]. The first ones are sqrt(2/p) times the
 * cosine of every quarter of 2 pi / p, the last is sqrt(1/p). */
void wcz_fill_cosines(double *room, uint32_t p);
double wcz_cosine(const double *room, uint32_t p, uint32_t f, uint32_t k);

/* Entry of the generated matrix, by its place in row-major order. */
int32_t wcz_generated(uint32_t seed, uint64_t place);

/* -- tensorized.c ------------------------------------------------------------------------------------------------------ */

/* Digits of rows and columns, and ranks, of the tensor networks of matrices. */
typedef struct {
    wcz_extents matrix;
    wcz_list rows, columns, ranks;
    uint64_t elements;          /* of the padded matrix */
    uint32_t most_ranks;        /* while it is built */
} wcz_modes;

/* Of a record with the parameters rows, columns, ranks, row_axes; all but what depends on the kind. */
int wcz_modes_of(const wcz_record *record, wcz_modes *modes);
void wcz_add_first_rank(wcz_modes *modes);     /* 1, before those that the record gives */
uint64_t wcz_mode_product(const wcz_modes *modes, unsigned first, unsigned last);   /* of m_k n_k, first <= k < last */

/* Cores of a ring, ranks.values[k] before core k, whose greatest value for k > 0 is most(modes, k). */
typedef uint64_t (*wcz_most_ranks)(const wcz_modes *modes, unsigned k);

int wcz_describe_cores(const wcz_record *record, const wcz_modes *modes, wcz_most_ranks most, wcz_factor *factors);
int wcz_build_cores(const wcz_job *job, wcz_modes *modes);
double wcz_core_element(wcz_product_state *p, uint32_t i, uint32_t j);      /* `own`: the modes */

/* Digits of a place; the first one is the most significant. */
void wcz_digits(const wcz_list *extents, uint32_t place, uint32_t *digits);

#ifdef __cplusplus
}
#endif

#endif
