/* The file: preamble, frames of chunks, and what comes of them (wcz.md, sections 2, 3 and 6). */
#include "decoder.h"

enum { PREAMBLE, HEAD, BODY, CRC, TENSORS, END, FAILED };

static const uint8_t MAGIC[8] = {0x89, 0x57, 0x43, 0x5A, 0x0D, 0x0A, 0, 1};

/* -- opening and closing ---------------------------------------------------------------------------------------------- */

static void set_limits(wcz_limits *limits, const wcz_limits *wanted) {
    static const wcz_limits DEFAULTS = {1u << 28, 1u << 20, 1u << 20, 1u << 16, 1u << 14, WCZ_MAX_RANK, 1u << 26,
                                        (uint64_t)1 << 37};
    const uint64_t *from = (const uint64_t *)(const void *)wanted;
    uint64_t *to = (uint64_t *)(void *)limits;
    *limits = DEFAULTS;
    for (unsigned i = 0; wanted && i < sizeof *limits / sizeof *to; i++) {
        to[i] = from[i] ? from[i] : to[i];
    }
    limits->elements = limits->elements < UINT32_MAX ? limits->elements : UINT32_MAX - 1;
}

wcz_decoder *wcz_open(const wcz_memory *memory, const wcz_limits *limits) {
    void *block;
    if (wcz_allocate(memory, 1, sizeof(wcz_decoder), &block)) {
        return NULL;
    }
    wcz_decoder *decoder = (wcz_decoder *)block;
    decoder->memory = *memory;
    set_limits(&decoder->limits, limits);
    wcz_sha256_start(&decoder->digest);
    wcz_sha256_start(&decoder->index);
    return decoder;
}

void wcz_close(wcz_decoder *decoder) {
    if (decoder) {
        wcz_memory memory = decoder->memory;
        void *block = decoder;
        wcz_chunk_close(&memory, &decoder->chunk);
        wcz_names_release(&memory, &decoder->names);
        wcz_metadata_release(&memory, &decoder->metadata);
        wcz_release(&memory, &decoder->buffer);
        wcz_release(&memory, &block);
    }
}

int wcz_error(const wcz_decoder *decoder) {
    return decoder->error;
}

static wcz_result fail(wcz_decoder *decoder, int error) {
    decoder->error = error;
    decoder->state = FAILED;
    decoder->tensor.factors = NULL;
    wcz_chunk_close(&decoder->memory, &decoder->chunk);
    return WCZ_ERROR;
}

/* -- chunks ----------------------------------------------------------------------------------------------------------- */

/* A difference needs its base, which this library does not take. */
static int take_delta(wcz_decoder *decoder, const uint8_t *body, size_t nbytes) {
    wcz_object delta, digest, whole, position;
    wcz_cursor at;
    int error = wcz_read_whole(&decoder->memory, body, nbytes, decoder->limits.manifest_nbytes, &delta, &at);
    if (error || delta.type != WCZ_ARRAY || delta.value != 3) {
        return error ? error : WCZ_RECORD;
    }
    for (unsigned i = 0; i < 2; i++) {      /* of the base, of what it becomes */
        if (wcz_next_of(&at, WCZ_BYTES, &digest) || digest.value != 16) {
            return WCZ_RECORD;
        }
    }
    error = wcz_next_of(&at, WCZ_ARRAY, &whole);
    for (uint64_t i = 0, least = 0; !error && i < whole.value; i++, least = position.value + 1) {
        error = wcz_next_of(&at, WCZ_INTEGER, &position) || position.negative || position.value < least ? WCZ_RECORD : 0;
    }
    if (error) {
        return error;
    }
    return decoder->tensors_seen ? WCZ_CHUNK_ORDER : WCZ_BASE_MISSING;
}

static int take_graph(wcz_decoder *decoder, const uint8_t *body, size_t nbytes) {
    wcz_object graph;
    wcz_cursor at;
    if (decoder->graph_seen++) {
        return WCZ_CHUNK_ORDER;
    }
    int error = wcz_read_whole(&decoder->memory, body, nbytes, decoder->limits.manifest_nbytes, &graph, &at);
    return error ? error : graph.type == WCZ_MAP ? 0 : WCZ_RECORD;
}

/* Opens a chunk of tensors. A group is decoded twice, first to know that all of it is sound: its tensors share a state,
 * and holding them all would take more memory than one after another. */
static int take_tensors(wcz_decoder *decoder, const uint8_t *body, size_t nbytes) {
    const unsigned grouped = decoder->type == 'G';
    decoder->tensors_seen = 1;
    wcz_chunk *chunk = &decoder->chunk;
    int error = wcz_chunk_open(&decoder->memory, &decoder->limits, chunk, body, nbytes, &decoder->total_nbytes);
    if (error) {
        return error;
    }
    if (!grouped && chunk->records != 1) {
        return WCZ_RECORD;
    }
    if (!wcz_names_left(&decoder->names, grouped, chunk->records)) {
        return WCZ_NAME_TABLE;
    }
    while (chunk->records > 1 && chunk->record < chunk->records) {
        if ((error = wcz_chunk_next(&decoder->memory, &decoder->limits, chunk))) {
            return error;
        }
    }
    wcz_chunk_rewind(&decoder->memory, chunk);
    return 0;
}

/* A chunk whose CRC is right. */
static int take_chunk(wcz_decoder *decoder) {
    const uint8_t *body = decoder->body;
    const size_t nbytes = (size_t)decoder->length;
    const wcz_memory *memory = &decoder->memory;
    int error = 0;
    if (decoder->type != 'E' && decoder->chunks++ >= decoder->limits.chunks) {
        return WCZ_LIMIT;
    }
    switch (decoder->type) {
        case 'N': error = wcz_names_add(memory, &decoder->limits, &decoder->names, body, nbytes); break;
        case 'T': case 'G': error = take_tensors(decoder, body, nbytes); break;
        case 'E': return wcz_end_file(decoder, body, nbytes);
        case 'm':
            error = wcz_metadata_add(memory, &decoder->metadata, body, nbytes, decoder->limits.manifest_nbytes);
            break;
        case 'g': error = take_graph(decoder, body, nbytes); break;
        case 'D': error = take_delta(decoder, body, nbytes); break;
        default: error = decoder->type >= 'a' && decoder->type <= 'z' ? 0 : WCZ_UNKNOWN_CHUNK;
    }
    uint64_t tensors = decoder->chunk.records;
    wcz_add_to_index(&decoder->index, decoder->head_nbytes + decoder->length + 4,
                 decoder->type == 'G' ? 0 - tensors : tensors);
    return error;
}

static int give_tensor(wcz_decoder *decoder) {
    wcz_chunk *chunk = &decoder->chunk;
    wcz_tensor *tensor = &decoder->tensor;
    int error = wcz_chunk_next(&decoder->memory, &decoder->limits, chunk);
    if (error) {
        return error;
    }
    const wcz_record *record = &chunk->current;
    tensor->name = wcz_names_take(&decoder->names, decoder->type == 'G', &tensor->name_nbytes,
                                  &tensor->position);
    tensor->dtype = record->dtype;
    tensor->rank = record->rank;
    tensor->kind = record->kind;
    tensor->factor_count = record->factor_count;
    tensor->factors = chunk->factors;
    tensor->count = wcz_count_of(record->shape, record->rank);
    wcz_copy(tensor->shape, record->shape, sizeof tensor->shape);
    return 0;
}

/* -- frames ----------------------------------------------------------------------------------------------------------- */

/* Whether a body is looked at; others are only passed by, and need no memory. */
static int is_known(uint8_t type) {
    return type == 'N' || type == 'T' || type == 'G' || type == 'E' || type == 'm' || type == 'g' ||
           type == 'D';
}

static void pass_bytes(wcz_decoder *decoder, const uint8_t *bytes, size_t nbytes) {
    decoder->crc = wcz_crc32(decoder->crc, bytes, nbytes);
    if (decoder->type != 'E') {
        wcz_sha256_add(&decoder->digest, bytes, nbytes);
    }
}

static int take_preamble_byte(wcz_decoder *decoder, uint8_t byte) {
    unsigned at = decoder->head_nbytes++;
    if (byte != MAGIC[at]) {
        return at < 6 ? WCZ_NOT_WCZ : WCZ_VERSION;
    }
    wcz_sha256_add(&decoder->digest, &byte, 1);
    if (decoder->head_nbytes == 8) {
        decoder->head_nbytes = 0;
        decoder->state = HEAD;
    }
    return 0;
}

static int take_head_byte(wcz_decoder *decoder, uint8_t byte) {
    unsigned at = decoder->head_nbytes++;
    if (at == 0) {
        decoder->type = byte;
        decoder->length = decoder->filled = 0;
        decoder->crc = 0;
        pass_bytes(decoder, &byte, 1);
        return 0;
    }
    pass_bytes(decoder, &byte, 1);
    decoder->length |= (uint64_t)(byte & 0x7F) << 7 * (at - 1);
    if (byte >= 0x80) {
        return at == 9 ? WCZ_RECORD : 0;
    }
    if (byte == 0 && at > 1) {
        return WCZ_RECORD;
    }
    decoder->state = BODY;
    return decoder->length > decoder->limits.chunk_nbytes ? WCZ_LIMIT : 0;
}

/* In place where all of the chunk is there; else what there is goes to a buffer of the body's size. */
static int take_body(wcz_decoder *decoder, const uint8_t **next, size_t *nbytes) {
    uint64_t left = decoder->length - decoder->filled;
    size_t taken = *nbytes < left ? *nbytes : (size_t)left;
    if (decoder->filled == 0) {
        decoder->body = decoder->length ? *next : MAGIC;      /* an empty body is nowhere */
        decoder->stored = is_known(decoder->type) && *nbytes < decoder->length + 4;
        const size_t room = (size_t)decoder->length;
        if (decoder->stored &&
            (room != decoder->length || wcz_allocate(&decoder->memory, room, 1, &decoder->buffer))) {
            return WCZ_ERROR_MEMORY;
        }
    }
    if (decoder->stored) {
        wcz_copy((uint8_t *)decoder->buffer + (size_t)decoder->filled, *next, taken);
        decoder->body = (const uint8_t *)decoder->buffer;
    }
    pass_bytes(decoder, *next, taken);
    decoder->filled += taken;
    *next += taken;
    *nbytes -= taken;
    if (decoder->filled == decoder->length) {
        decoder->state = CRC;
        decoder->filled = 0;
    }
    return 0;
}

static int take_crc_byte(wcz_decoder *decoder, uint8_t byte) {
    if (byte != (uint8_t)(decoder->crc >> 8 * decoder->filled)) {
        return WCZ_CHECKSUM;
    }
    if (decoder->type != 'E') {
        wcz_sha256_add(&decoder->digest, &byte, 1);
    }
    if (++decoder->filled < 4) {
        return 0;
    }
    decoder->state = decoder->type == 'E' ? END : TENSORS;
    return take_chunk(decoder);
}

/* Behind the last tensor of a chunk. */
static void next_chunk(wcz_decoder *decoder) {
    wcz_chunk_close(&decoder->memory, &decoder->chunk);
    wcz_release(&decoder->memory, &decoder->buffer);
    decoder->head_nbytes = 0;
    decoder->state = HEAD;
}

static int take_bytes(wcz_decoder *decoder, const uint8_t **next, size_t *nbytes) {
    if (decoder->state == BODY) {
        return take_body(decoder, next, nbytes);
    }
    uint8_t byte = **next;
    *next += 1;
    *nbytes -= 1;
    switch (decoder->state) {
        case PREAMBLE: return take_preamble_byte(decoder, byte);
        case HEAD: return take_head_byte(decoder, byte);
        case CRC: return take_crc_byte(decoder, byte);
        default: return WCZ_CHUNK_ORDER;        /* behind END */
    }
}

wcz_result wcz_decode(wcz_decoder *decoder, const uint8_t **next, size_t *nbytes) {
    int error = 0, at_end = decoder->state == END;
    decoder->tensor.factors = NULL;
    while (!error && decoder->state != FAILED) {
        if (decoder->state == TENSORS) {
            if (decoder->chunk.record < decoder->chunk.records) {
                error = give_tensor(decoder);
                return error ? fail(decoder, error) : WCZ_TENSOR;
            }
            next_chunk(decoder);
        } else if (decoder->state == END && !at_end) {
            wcz_release(&decoder->memory, &decoder->buffer);
            return WCZ_END;
        } else if (*nbytes == 0 && !(decoder->state == BODY && decoder->length == 0)) {
            return decoder->state == END ? WCZ_END : WCZ_NEED_MORE_INPUT;
        } else {
            error = take_bytes(decoder, next, nbytes);
        }
    }
    return decoder->state == FAILED ? WCZ_ERROR : fail(decoder, error);
}

wcz_result wcz_finish(wcz_decoder *decoder) {
    if (decoder->state == END) {
        return WCZ_END;
    }
    return decoder->state == FAILED ? WCZ_ERROR : fail(decoder, WCZ_SOURCE_TRUNCATED);
}
