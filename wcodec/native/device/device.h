/* What the files of libwcz share. A function that can fail returns 0 or an error number (registry.md, or wcz.h). */
#ifndef WCZ_DEVICE_H
#define WCZ_DEVICE_H

#include "wcz.h"
#include "wcz_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WCZ_NOT_WCZ = 1, WCZ_VERSION, WCZ_SOURCE_TRUNCATED, WCZ_CHECKSUM, WCZ_DIGEST, WCZ_UNKNOWN_CHUNK, WCZ_CHUNK_ORDER,
    WCZ_LIMIT, WCZ_INDEX, WCZ_BASE_MISSING = 13,
    WCZ_RECORD = 20, WCZ_NAME_TABLE, WCZ_UNKNOWN_KIND, WCZ_UNKNOWN_CODER, WCZ_UNKNOWN_DTYPE, WCZ_FACTORIZATION,
    WCZ_STEP_CODE,
    WCZ_PAYLOAD = 40, WCZ_SYMBOL_RANGE
};

/* -- memory.c -------------------------------------------------------------------------------------------------------- */

/* *block = `count` * `size` zeroed bytes (at least one); WCZ_ERROR_MEMORY where there are none, or size_t is too small. */
int wcz_allocate(const wcz_memory *memory, uint64_t count, size_t size, void **block);
void wcz_release(const wcz_memory *memory, void **block);      /* and forgets it */
void wcz_copy(void *to, const void *from, size_t nbytes);
int wcz_is_utf8(const uint8_t *text, size_t nbytes);
int wcz_compare(const uint8_t *a, size_t a_nbytes, const uint8_t *b, size_t b_nbytes);      /* < 0, 0, > 0 */
uint64_t wcz_product(uint64_t a, uint64_t b);                  /* 2^64 - 1 where it is more */

/* -- checksum.c ------------------------------------------------------------------------------------------------------ */

uint32_t wcz_crc32(uint32_t crc, const uint8_t *data, size_t nbytes);      /* 0 at the start */

typedef struct {
    uint64_t nbytes;
    uint32_t state[8];
    uint8_t block[64];
} wcz_sha256;

void wcz_sha256_start(wcz_sha256 *hash);
void wcz_sha256_add(wcz_sha256 *hash, const uint8_t *data, size_t nbytes);
void wcz_sha256_end(wcz_sha256 *hash, uint8_t digest[32]);

/* -- msgpack.c ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at, *end;
    int ends_early;             /* error where bytes are missing: WCZ_RECORD, or WCZ_LIMIT where a limit cut them off */
} wcz_cursor;

typedef enum { WCZ_NO_OBJECT, WCZ_NIL, WCZ_BOOLEAN, WCZ_INTEGER, WCZ_FLOAT, WCZ_STRING, WCZ_BYTES, WCZ_ARRAY, WCZ_MAP }
    wcz_object_type;

typedef struct {
    uint8_t type;
    uint8_t negative;           /* of an integer: value is two's complement in 64 bits */
    uint64_t value;             /* integer; bytes of a string; entries of an array; pairs of a map */
    const uint8_t *bytes;       /* of a string */
} wcz_object;

/* Object at the cursor: of an array or map the head alone. */
int wcz_next_object(wcz_cursor *cursor, wcz_object *object);

/* Passes a whole object and holds it to wcz.md, section 1.3. */
int wcz_check_object(const wcz_memory *memory, wcz_cursor *cursor);

/* WCZ_RECORD where one of `count` keys, which values follow, stands twice. */
int wcz_check_keys(const wcz_memory *memory, wcz_cursor pairs, uint64_t count);

/* One object and nothing behind it: its head, and the cursor behind that. */
int wcz_read_whole(const wcz_memory *memory, const uint8_t *body, size_t nbytes, uint64_t limit, wcz_object *object,
                   wcz_cursor *inside);

/* Passes an object that has been checked. */
void wcz_skip_object(wcz_cursor *cursor);

/* -- names.c, metadata.c --------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t *text;              /* the names, a zero after each */
    uint32_t *starts;           /* where each begins in `text`; one more, its end. Bit 31: it is grouped */
    uint32_t *order;            /* numbers of the names, by their text */
    uint32_t count, used;       /* names, bytes of text without the zeros */
    uint32_t next[2];           /* first name of each queue that may be free: of tensor chunks, of group chunks */
} wcz_names;

int wcz_names_add(const wcz_memory *memory, const wcz_limits *limits, wcz_names *names, const uint8_t *body,
                  size_t nbytes);
int wcz_names_left(const wcz_names *names, unsigned grouped, uint64_t wanted);     /* whether so many are left */
const char *wcz_names_take(wcz_names *names, unsigned grouped, size_t *nbytes, uint32_t *position);  /* one is left */
void wcz_names_release(const wcz_memory *memory, wcz_names *names);

/* Keys and values as they came, one after another. */
typedef struct {
    uint8_t *pairs;
    size_t nbytes;
    uint64_t count;
    uint32_t chunks;
} wcz_metadata_table;

int wcz_metadata_add(const wcz_memory *memory, wcz_metadata_table *table, const uint8_t *body, size_t nbytes,
                     uint64_t limit);
void wcz_metadata_release(const wcz_memory *memory, wcz_metadata_table *table);

/* -- numbers.c ------------------------------------------------------------------------------------------------------- */

unsigned wcz_dtype_nbytes(unsigned dtype);
int wcz_dtype_is_float(unsigned dtype);
int wcz_fits(int32_t value, unsigned dtype);        /* an integer in a dtype of integers or bool */
float wcz_step(int32_t code);                       /* -1680 .. 1855 */

/* Element `index` of an array; integers beyond 2^53 are rounded. */
double wcz_load(const void *data, unsigned dtype, size_t index);
int64_t wcz_load_integer(const void *data, unsigned dtype, size_t index);       /* not of a uint64 */
void wcz_store(void *data, unsigned dtype, size_t index, double value);         /* rounded as wcz.md, 5.3 */
void wcz_store_integer(void *data, unsigned dtype, size_t index, int64_t value);    /* which fits */

/* -- record.c -------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t dtype, form, scan, rank;
    uint32_t shape[WCZ_MAX_RANK];
    uint64_t kind;              /* 2^64 - 1: none that has a number */
    uint16_t factor_count;
    uint16_t param_count;
    wcz_cursor params, heads, axes, streams, bands;     /* entries of the options; `at` NULL: left out */
} wcz_record;

/* Parses the record at the cursor. Dimensions beyond 2^32 - 1, and more than `rank` of them, are over a limit. */
int wcz_parse_record(wcz_cursor *cursor, uint64_t rank, wcz_record *record);

/* Parameter `index`: type WCZ_NO_OBJECT where it is left out. Of an array, `list` is set to its entries. */
void wcz_param(const wcz_record *record, unsigned index, wcz_object *object, wcz_cursor *list);
int wcz_integer_param(const wcz_record *record, unsigned index, int64_t low, int64_t high, int64_t *value);

/* Factors as kind, heads and options give them; everything but data and steps. `streams` is how many the chunk has. */
int wcz_join_factors(const wcz_record *record, uint64_t streams, wcz_factor *factors);

uint64_t wcz_extent(const uint32_t *shape, unsigned rank);     /* elements, a dimension of 0 counting as 1 */
uint64_t wcz_count_of(const uint32_t *shape, unsigned rank);

/* Order of the axes in a scan, outermost first. */
void wcz_scan_order(unsigned scan, unsigned rank, unsigned order[WCZ_MAX_RANK]);

enum { MAX_LIST = 64, MAX_MODES = 16 };

/* -- kinds: one file each ------------------------------------------------------------------------ */

typedef struct {
    const wcz_memory *memory;
    const wcz_record *record;
    const wcz_factor *factors;
    void *out;                  /* the tensor, row-major */
    unsigned dtype;             /* of `out` */
    uint64_t most_terms;        /* of all sums of products: a hostile file must not take days */
} wcz_job;

typedef struct {
    uint32_t number;
    /* Names, shapes, default step axes and `integer` of the factors; WCZ_FACTORIZATION for bad parameters, WCZ_RECORD
     * for another number of factors. */
    int (*describe)(const wcz_record *record, wcz_factor *factors);
    int (*check)(const wcz_record *record, const wcz_factor *factors);     /* decoded factors; NULL: all will do */
    int (*build)(const wcz_job *job);                                      /* NULL: factors only */
} wcz_kind;

/* Every kind, a line each; wcz_kind_<name> is in kind_<name>.c, three bases of images in one. WCZ_BASIC_KINDS leaves all but the first five out. */
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

const wcz_kind *wcz_find_kind(uint64_t number);

/* -- factors.c: what the kinds share ---------------------------------------------------------------------------------- */

void wcz_set_shape(wcz_factor *factor, const char *name, unsigned rank, const uint32_t *shape);

/* The same from two to four extents, the first `rank` of them; WCZ_LIMIT where one is beyond 32 bits. */
int wcz_set_extents(wcz_factor *factor, const char *name, unsigned rank, uint64_t a, uint64_t b, uint64_t c, uint64_t d);

/* A weight as a matrix; parameter number `last` is row_axes, and there are none behind it. */
typedef struct {
    uint64_t rows, columns;
} wcz_matrix;

int wcz_matrix_of(const wcz_record *record, unsigned last, wcz_matrix *matrix);

/* Parameter `index`, without a default, from 1 to max(1, most). */
int wcz_size_param(const wcz_record *record, unsigned index, uint64_t most, uint64_t *value);

typedef struct {
    unsigned count;
    uint32_t values[MAX_LIST];
} wcz_list;

/* A parameter that is an array of natural numbers; empty where it is left out and `optional`. */
int wcz_list_param(const wcz_record *record, unsigned index, int optional, wcz_list *list);

/* WCZ_FACTORIZATION unless all elements are from 0 to below `below`. */
int wcz_check_integers(const wcz_factor *factor, uint32_t below);

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
/* Sum of a[i * a_stride] b[i * b_stride]: in float, or in double where one of them is wide. */
double wcz_dot(const wcz_values *a, size_t a_start, size_t a_stride, const wcz_values *b, size_t b_start,
               size_t b_stride, size_t count);

/* A product that is computed element by element, from widened factors, in double. */
typedef struct {
    const wcz_job *job;
    const wcz_factor *factors;
    wcz_values *values;
    double *room;               /* as many as the kind asks for */
    uint32_t next;              /* 0 at the start; the kind's */
} wcz_product_state;

typedef double (*wcz_element)(wcz_product_state *p, uint64_t i, uint64_t j);

/* Element (i, j) of the (elements / columns, columns) matrix, for all of them in order. An element is the sum of so many
 * `terms`: WCZ_ERROR_PRODUCT where all of them are more than the job allows. */
int wcz_build_elements(const wcz_job *job, uint64_t columns, uint64_t room, uint64_t terms, wcz_element element);
double wcz_value(const wcz_product_state *p, unsigned factor, uint64_t index);

/* sin(2 pi k / n), and the square root of 0 < x <= 2, to double's precision. */
double wcz_sine_of_turn(uint32_t k, uint32_t n);
double wcz_square_root(double x);

/* T of factorizations.md, t_product: fills 4 p numbers of room, then T[f, k]. */
void wcz_fill_cosines(double *room, uint32_t p);
double wcz_cosine(const double *room, uint32_t p, uint32_t f, uint32_t k);

/* Entry (a, b) of the generated matrix of `columns` columns. */
int32_t wcz_generated(uint32_t seed, uint64_t columns, uint64_t a, uint64_t b);

/* -- tensorized.c ------------------------------------------------------------------------------------------------------ */

/* Digits of rows and columns, and ranks, of the tensor networks of matrices. */
typedef struct {
    wcz_matrix matrix;
    wcz_list rows, columns, ranks;
    uint64_t elements;          /* of the padded matrix */
} wcz_modes;

/* Of a record with the parameters rows, columns, ranks, row_axes; all but what depends on the kind. */
int wcz_modes_of(const wcz_record *record, wcz_modes *modes);
uint64_t wcz_mode_product(const wcz_modes *modes, unsigned first, unsigned last);   /* of m_k n_k, first <= k < last */

/* The matrix of a train of cores, or of a ring of them. */
int wcz_build_train(const wcz_job *job);

/* Digits of a place; the first one is the most significant. */
void wcz_digits(const wcz_list *extents, uint64_t place, uint32_t *digits);

/* -- coders: one file each ---------------------------------------------------------------------- */

typedef struct {
    uint8_t dtype;              /* of the elements that the coder gives */
    uint8_t rank;
    uint32_t shape[WCZ_MAX_RANK];
    uint32_t count;
} wcz_array;

typedef struct wcz_stream wcz_stream;

typedef struct {
    uint32_t number;
    uint8_t symbols;            /* gives int32 for every dtype of integers and bool; carries no floats */
    uint8_t runs;               /* takes neighbouring arrays of one dtype together: wants run_elements */
    int (*start)(const wcz_memory *memory, wcz_stream *stream);
    int (*read)(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values);
    int (*finish)(const wcz_stream *stream);       /* WCZ_PAYLOAD unless the arrays took the payload as a whole */
} wcz_coder;

struct wcz_stream {
    const wcz_coder *coder;
    const uint8_t *payload;
    size_t size, next;          /* of the payload; bytes taken by coders that go byte by byte */
    void *state, *run;          /* the coder's; allocated */
    float *steps;               /* of all its quantized factors; codes before they are turned into steps */
    uint32_t step_count, steps_given;
    uint64_t elements;          /* of all its arrays */
    uint64_t run_elements;      /* of the current array and those behind it that share its dtype, for float_planes */
    uint64_t run_end;           /* of the run as a whole */
    uint32_t arrays, done;
    uint32_t stepped;           /* whether its first array holds step codes */
};

/* Every coder, a line each; wcz_coder_<name> is in coder_<name>.c, the two of run lengths in one. */
#define WCZ_ALL_CODERS(CODER) \
    CODER(raw) \
    CODER(elias_gamma) \
    CODER(context) \
    CODER(float_planes) \
    CODER(rice) \
    CODER(rans) \
    CODER(mixing)

#define WCZ_DECLARE_CODER(name) extern const wcz_coder wcz_coder_##name;
WCZ_ALL_CODERS(WCZ_DECLARE_CODER)

const wcz_coder *wcz_find_coder(uint64_t number);
int wcz_status_error(int status);              /* of a kernel function */

/* Rows, channels and kernel of an array as the coders see it; two numbers of the kernel. */
void wcz_view_of(const wcz_array *array, uint64_t view[4]);

/* -- chunk.c: the tensors of a chunk --------------------------------------------------------------------------------- */

typedef struct {
    wcz_stream *streams;
    uint32_t stream_count;
    uint32_t records, record;   /* how many, and which comes next */
    wcz_cursor first, at;       /* where records begin; where the next one does */
    wcz_record current;
    wcz_factor *factors;        /* of the current record; NULL before the first */
} wcz_chunk;

/* Parses a body and checks all that its records declare, before memory is taken for any of it. */
int wcz_chunk_open(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk, const uint8_t *body,
                   size_t nbytes, uint64_t *total_nbytes);

/* Decodes the factors of the next record; there is one. */
int wcz_chunk_next(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk);

/* Back to the first record. */
void wcz_chunk_rewind(const wcz_memory *memory, wcz_chunk *chunk);
void wcz_chunk_close(const wcz_memory *memory, wcz_chunk *chunk);

/* -- stream.c -------------------------------------------------------------------------------------------------------- */

/* Element type of a factor's array as its coder sees it. */
unsigned wcz_coded_dtype(const wcz_factor *factor);
void wcz_band_of(const wcz_factor *factor, unsigned band, wcz_array *array);

/* Before its first array: the coder's state, and the steps. */
int wcz_stream_start(const wcz_memory *memory, wcz_stream *stream);

/* Decodes one band of a factor to `to`; after the last one, checks that the payload is used up. */
int wcz_stream_read(const wcz_memory *memory, wcz_stream *stream, wcz_factor *factor, unsigned band, void *to);
void wcz_stream_reset(const wcz_memory *memory, wcz_stream *stream);

/* -- decoder.c ------------------------------------------------------------------------------------------------------- */

struct wcz_decoder {
    wcz_memory memory;
    wcz_limits limits;
    int error;
    uint8_t state, stored, graph_seen, tensors_seen, type;
    uint8_t head_nbytes;                /* of the frame: type and length */
    uint64_t length, filled;            /* of the body; of the CRC while it comes */
    uint32_t crc;
    void *buffer;                       /* of a body that comes in pieces */
    const uint8_t *body;
    uint64_t chunks, total_nbytes;
    wcz_sha256 digest, index;           /* of all bytes before END; of sizes and counts of the chunks */
    wcz_names names;
    wcz_metadata_table metadata;
    wcz_chunk chunk;
    wcz_tensor tensor;
};

/* -- end.c ----------------------------------------------------------------------------------------------------------- */

/* A chunk of so many bytes and tensors, negative for a group; then the END chunk against all of them. */
void wcz_add_to_index(wcz_sha256 *index, uint64_t nbytes, uint64_t tensors);
int wcz_end_file(wcz_decoder *decoder, const uint8_t *body, size_t nbytes);

#ifdef __cplusplus
}
#endif

#endif
