/* Symbols of a federation's round messages (format_spec/messages.md): coded with what earlier messages said of each
 * weight. Part of the kernel; see wcz_kernel.h for its rules.
 */
#ifndef WCZ_TEMPORAL_H
#define WCZ_TEMPORAL_H

#include "wcz_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WCZ_TEMPORAL_NODES 14     /* "above 1", "above 2", ... "above 14" */

#define WCZ_TEMPORAL_ROWS (1u << 27)

/* All that the coder has learned. 32-bit words only, so that it can be kept as an array of them. */
typedef struct {
    uint32_t by_activity[13 * 13];
    uint32_t by_history[24 * 24];
    uint32_t by_lines[20 * 13 * 2];
    uint32_t by_recent[14 * 20];
    uint32_t sign_by_last[9 * 13 * 13];
    uint32_t sign_by_lines[5 * 3 * 3];
    uint32_t sign_by_neighbours[81];
    uint32_t above_by_activity[WCZ_TEMPORAL_NODES][13];
    uint32_t above_by_neighbours[WCZ_TEMPORAL_NODES][9];
    uint32_t above_by_lines[WCZ_TEMPORAL_NODES][20];
    uint32_t escape[32];
    int32_t zero_mixers[12][5];
    int32_t sign_mixers[3][4];
    int32_t above_mixers[WCZ_TEMPORAL_NODES][4];
} wcz_temporal_model;

#define WCZ_TEMPORAL_WORDS (sizeof(wcz_temporal_model) / 4)

/* What is remembered of the messages of one sender for one tensor of `rows` times `columns` weights. */
typedef struct {
    uint16_t *activity;        /* of each weight: a running mean magnitude in 2^-10 */
    int8_t *last;              /* sign of its last symbol that was not zero */
    uint32_t *rows;            /* running mean magnitude of each row, in 2^-16 */
    uint32_t *columns;
    uint32_t *mean;            /* of the tensor, one word */
} wcz_temporal_memory;

typedef struct {
    size_t rows, columns;      /* both > 0; at most WCZ_TEMPORAL_ROWS rows */
    unsigned kind;             /* 0 vector, 1 matrix, 2 kernel */
    const wcz_temporal_memory *broadcast, *own;    /* NULL: nothing is remembered */
} wcz_temporal_tensor;

typedef struct {
    wcz_range_decoder in;
    wcz_temporal_model model;
} wcz_temporal_decoder;

typedef struct {
    wcz_range_encoder out;
    wcz_temporal_model model;
} wcz_temporal_encoder;

/* Words of `scratch` that a tensor of so many columns needs: 2 a column. */
size_t wcz_temporal_scratch(size_t columns);

/* A model that has learned nothing. */
void wcz_temporal_start(wcz_temporal_model *model);

/* start, then each tensor in order, then end, which accepts exactly the bytes that the encoder writes; before the first
 * tensor the caller may replace the model by one that was kept. Time O(count), and no more than O(size): a payload that
 * ends early is noticed at once. */
void wcz_temporal_decode_start(wcz_temporal_decoder *decoder, const uint8_t *payload, size_t size);
wcz_status wcz_temporal_decode_tensor(wcz_temporal_decoder *decoder, const wcz_temporal_tensor *tensor,
                                      uint32_t *scratch, size_t scratch_words, int32_t *values);
wcz_status wcz_temporal_decode_end(const wcz_temporal_decoder *decoder);

/* The same three steps; WCZ_CAPACITY where the payload is too small, after which the encoder cannot go on. */
void wcz_temporal_encode_start(wcz_temporal_encoder *encoder, uint8_t *payload, size_t capacity);
wcz_status wcz_temporal_encode_tensor(wcz_temporal_encoder *encoder, const wcz_temporal_tensor *tensor,
                                      uint32_t *scratch, size_t scratch_words, const int32_t *values);
wcz_status wcz_temporal_encode_end(wcz_temporal_encoder *encoder, size_t *written);

/* Takes a message's symbols into the memory of its sender. `scratch`: 1 word a column. */
wcz_status wcz_temporal_remember(const wcz_temporal_memory *memory, size_t rows, size_t columns, uint32_t *scratch,
                                 size_t scratch_words, const int32_t *values);

#ifdef __cplusplus
}
#endif

#endif
