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
int wcz_allocate(const wcz_memory *memory, size_t count, size_t size, void **block);
void wcz_release(const wcz_memory *memory, void **block);      /* and forgets it */

/* Another block of `count` * `size` bytes in place of one, whose first `kept` bytes it takes over. */
int wcz_enlarge(const wcz_memory *memory, void **block, size_t kept, size_t count, size_t size);
void wcz_copy(void *to, const void *from, size_t nbytes);
int wcz_is_utf8(const uint8_t *text, size_t nbytes);
int wcz_compare(const uint8_t *a, size_t a_nbytes, const uint8_t *b, size_t b_nbytes);      /* < 0, 0, > 0 */
uint64_t wcz_product(uint64_t a, uint64_t b);                  /* 2^64 - 1 where it is more */

/* The same of sizes of tensors: 2^32 - 1, which no limit allows, stands for all that is larger. */
static inline uint32_t wcz_times(uint32_t a, uint32_t b) {
    const uint64_t product = (uint64_t)a * b;
    return product >> 32 ? UINT32_MAX : (uint32_t)product;
}

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

/* The next object, which must be of the type, and a natural number, of which 2^32 - 1 stands for all that are larger;
 * WCZ_RECORD otherwise. */
int wcz_next_of(wcz_cursor *cursor, wcz_object_type type, wcz_object *object);
int wcz_next_natural(wcz_cursor *cursor, uint32_t *value);

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

#ifdef __cplusplus
}
#endif

#endif
