/* Chunks of tensors, and the file as a whole. */
#ifndef WCZ_DECODER_H
#define WCZ_DECODER_H

#include "coders.h"
#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

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
