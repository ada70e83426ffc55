/* libwcz: decodes .wcz files, the weights of neural networks, on small devices (format_spec/ is normative).
 *
 * C99, callable from C++. No global state, no libc but what compilers call by themselves (memcpy, memset), and no memory
 * but from the caller's callbacks. Bytes go in, in pieces of any sizes; tensors come out one after another:
 *
 *     wcz_decoder *decoder = wcz_open(&memory, NULL);
 *     for (;;) {
 *         switch (wcz_decode(decoder, &next, &nbytes)) {
 *             case WCZ_NEED_MORE_INPUT: refill next and nbytes; at the end of the source: wcz_finish(decoder); break;
 *             case WCZ_TENSOR: t = wcz_current(decoder); wcz_read(decoder, WCZ_FLOAT32, weights, nbytes_of_weights); break;
 *             case WCZ_END: wcz_close(decoder); return;
 *             case WCZ_ERROR: wcz_error_name(wcz_error(decoder)) ...
 *         }
 *     }
 *
 * The bytes must stay where they are until WCZ_NEED_MORE_INPUT or WCZ_END: a chunk that lies in them as a whole is not
 * copied. A chunk is checked (CRC-32) before it is parsed, and decoded to its end before its first tensor is given.
 */
#ifndef WCZ_H
#define WCZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WCZ_MAX_RANK 16

/* Numbers of format_spec/registry.md. */
typedef enum {
    WCZ_FLOAT32, WCZ_FLOAT16, WCZ_BFLOAT16, WCZ_FLOAT64, WCZ_INT8, WCZ_INT16, WCZ_INT32, WCZ_INT64, WCZ_UINT8,
    WCZ_UINT16, WCZ_UINT32, WCZ_UINT64, WCZ_BOOL, WCZ_FLOAT8_E4M3FN, WCZ_FLOAT8_E5M2, WCZ_DTYPES
} wcz_dtype;

typedef enum { WCZ_QUANTIZED, WCZ_INTEGERS, WCZ_VERBATIM } wcz_form;

typedef enum { WCZ_NEED_MORE_INPUT, WCZ_TENSOR, WCZ_END, WCZ_ERROR } wcz_result;

/* Errors are the numbers of registry.md, 1 to 59; these are the library's own. */
enum {
    WCZ_ERROR_MEMORY = -1,      /* `allocate` gave NULL */
    WCZ_ERROR_CALL = -2,        /* no tensor is there, or a buffer has another size than it needs */
    WCZ_ERROR_PRODUCT = -3,     /* factors only: a product that takes more than 1024 times limits.elements terms */
    WCZ_ERROR_RANGE = -4        /* a symbol does not fit the type asked for */
};

typedef struct {
    void *(*allocate)(void *context, size_t nbytes);        /* aligned for every type; NULL where there is none left */
    void (*release)(void *context, void *block);
    void *context;
} wcz_memory;

/* What a file may ask for (wcz.md, section 8), checked before memory is taken; 0 stands for the default. These are
 * smaller than the defaults of the specification. */
typedef struct {
    uint64_t chunk_nbytes;      /* 2^28 */
    uint64_t manifest_nbytes;   /* 2^20 */
    uint64_t names_nbytes;      /* 2^20 */
    uint64_t chunks;            /* 2^16 */
    uint64_t tensors;           /* 2^14 */
    uint64_t rank;              /* 16, the most */
    uint64_t elements;          /* 2^26; 2^32 - 2 is the most */
    uint64_t total_nbytes;      /* 2^37 */
} wcz_limits;

/* A factor as it was stored. Element (i, j, ...) is data[i * strides[0] + j * strides[1] + ...], times
 * steps[i * step_strides[0] + ...] where it is quantized. */
typedef struct {
    const char *name;           /* "weight" of a plain tensor; others in factorizations.md */
    uint8_t dtype;              /* of its values */
    uint8_t form;               /* wcz_form */
    uint8_t stored;             /* dtype of `data`: WCZ_INT32 where quantized, until wcz_narrow */
    uint8_t scan;               /* order in which it was coded */
    uint32_t rank;
    uint32_t shape[WCZ_MAX_RANK];
    uint32_t strides[WCZ_MAX_RANK];
    uint32_t step_strides[WCZ_MAX_RANK];
    uint32_t count;             /* elements */
    uint32_t step_count;
    void *data;
    const float *steps;
    uint32_t step_axes;         /* bit i: the step varies along axis i */
    uint16_t stream, bands;
    uint32_t integer;           /* whether the kind wants integers */
} wcz_factor;

typedef struct {
    const char *name;           /* UTF-8; a zero follows it */
    size_t name_nbytes;
    uint8_t dtype;
    uint8_t rank;
    uint16_t factor_count;
    uint32_t kind;              /* 0: one factor, the tensor itself */
    uint32_t shape[WCZ_MAX_RANK];
    uint32_t count;             /* elements */
    uint32_t position;          /* of its name, from 0: model order, in which graphs count; chunks may come in another */
    const wcz_factor *factors;
} wcz_tensor;

typedef struct wcz_decoder wcz_decoder;

wcz_decoder *wcz_open(const wcz_memory *memory, const wcz_limits *limits);      /* NULL: no memory */
void wcz_close(wcz_decoder *decoder);

/* Takes bytes from *next, *nbytes of them; what is left behind WCZ_END is not the file's. */
wcz_result wcz_decode(wcz_decoder *decoder, const uint8_t **next, size_t *nbytes);

/* The source has ended: WCZ_END, or WCZ_ERROR where the file has not. */
wcz_result wcz_finish(wcz_decoder *decoder);

/* After WCZ_TENSOR, until the next wcz_decode; NULL else. */
const wcz_tensor *wcz_current(const wcz_decoder *decoder);

/* The current tensor in row-major order as its own dtype, or as WCZ_FLOAT32. `nbytes` is its exact size. 0, or an error
 * (of the call alone: decoding can go on). */
int wcz_read(wcz_decoder *decoder, wcz_dtype dtype, void *out, size_t nbytes);

/* Makes the int32 `data` of a factor int8 or int16, in place; WCZ_ERROR_RANGE, nothing done, where one does not fit. */
int wcz_narrow(wcz_decoder *decoder, unsigned factor, wcz_dtype dtype);

/* The value of a metadata key that stands before the current chunk, and its length; NULL where there is none. */
const char *wcz_metadata(const wcz_decoder *decoder, const char *key, size_t *nbytes);

int wcz_error(const wcz_decoder *decoder);
const char *wcz_error_name(int error);

#ifdef __cplusplus
}
#endif

#endif
