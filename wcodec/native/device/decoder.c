/* The file: preamble, frames of chunks, and what comes of them (wcz.md, sections 2, 3 and 6). */
#include "device.h"

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
    limits->elements = limits->elements < UINT32_MAX ? limits->elements : UINT32_MAX;
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

/* The index is compared by a digest of what it says: chunks need not be remembered. */
static void add_to_index(wcz_sha256 *index, uint64_t nbytes, uint64_t tensors) {
    uint8_t bytes[16];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(nbytes >> 8 * i);
        bytes[8 + i] = (uint8_t)(tensors >> 8 * i);
    }
    wcz_sha256_add(index, bytes, sizeof bytes);
}

static int check_index(wcz_decoder *decoder, wcz_cursor *at) {
    wcz_sha256 index;
    wcz_object table, nbytes, tensors;
    uint8_t found[32], wanted[32];
    int disagrees = 0;
    (void)wcz_next_object(at, &table);
    if (table.type == WCZ_NIL) {
        return 0;
    }
    if (table.type != WCZ_ARRAY || table.value % 2) {
        return WCZ_RECORD;
    }
    wcz_sha256_start(&index);
    for (uint64_t i = 0; i < table.value; i += 2) {
        (void)wcz_next_object(at, &nbytes);
        (void)wcz_next_object(at, &tensors);
        if (nbytes.type != WCZ_INTEGER || tensors.type != WCZ_INTEGER) {
            return WCZ_RECORD;
        }
        disagrees |= nbytes.negative || (!tensors.negative && tensors.value > INT64_MAX);
        add_to_index(&index, nbytes.value, tensors.value);
    }
    wcz_sha256_end(&index, found);
    index = decoder->index;
    wcz_sha256_end(&index, wanted);
    return disagrees || wcz_compare(found, 32, wanted, 32) ? WCZ_INDEX : 0;
}

static int end_file(wcz_decoder *decoder, const uint8_t *body, size_t nbytes) {
    wcz_object table, wanted;
    wcz_cursor at, entry;
    uint8_t digest[32];
    uint64_t span = 0, frame = decoder->head_nbytes + (uint64_t)nbytes + 4;
    int error = 0;
    for (unsigned i = 0; nbytes >= 4 && i < 4; i++) {
        span |= (uint64_t)body[nbytes - 4 + i] << 8 * i;
    }
    if (nbytes) {
        if (span != frame) {
            return WCZ_RECORD;
        }
        error = wcz_read_whole(&decoder->memory, body, nbytes - 4, decoder->limits.manifest_nbytes, &table, &at);
        if (error || table.type != WCZ_ARRAY || table.value != 2) {
            return error ? error : WCZ_RECORD;
        }
        entry = at;
        wcz_skip_object(&at);
        (void)wcz_next_object(&at, &wanted);
        if (wanted.type != WCZ_NIL && (wanted.type != WCZ_BYTES || wanted.value != 32)) {
            return WCZ_RECORD;
        }
        error = check_index(decoder, &entry);
        wcz_sha256_end(&decoder->digest, digest);
        if (!error && wanted.type == WCZ_BYTES && wcz_compare(digest, 32, wanted.bytes, 32)) {
            error = WCZ_DIGEST;
        }
    }
    if (!error && !(wcz_names_left(&decoder->names, 0, 1) == 0 && wcz_names_left(&decoder->names, 1, 1) == 0)) {
        error = WCZ_NAME_TABLE;
    }
    return error;
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
        case 'E': return end_file(decoder, body, nbytes);
        case 'm':
            error = wcz_metadata_add(memory, &decoder->metadata, body, nbytes, decoder->limits.manifest_nbytes);
            break;
        case 'g': error = take_graph(decoder, body, nbytes); break;
        default: error = decoder->type >= 'a' && decoder->type <= 'z' ? 0 : WCZ_UNKNOWN_CHUNK;
    }
    uint64_t tensors = decoder->chunk.records;
    add_to_index(&decoder->index, decoder->head_nbytes + decoder->length + 4,
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
    tensor->kind = (uint32_t)record->kind;
    tensor->factor_count = record->factor_count;
    tensor->factors = chunk->factors;
    tensor->count = (uint32_t)wcz_count_of(record->shape, record->rank);
    wcz_copy(tensor->shape, record->shape, sizeof tensor->shape);
    return 0;
}

/* -- frames ----------------------------------------------------------------------------------------------------------- */

/* Whether a body is looked at; others are only passed by, and need no memory. */
static int is_known(uint8_t type) {
    return type == 'N' || type == 'T' || type == 'G' || type == 'E' || type == 'm' || type == 'g';
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
        int error = decoder->stored ? wcz_allocate(&decoder->memory, decoder->length, 1, &decoder->buffer) : 0;
        if (error) {
            return error;
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

/* -- names of errors -------------------------------------------------------------------------------------------------- */

const char *wcz_error_name(int error) {
    static const struct {
        int error;
        const char *name;
    } NAMES[] = {
        {0, "no error"}, {1, "NotWczError"}, {2, "VersionError"}, {3, "TruncatedError"}, {4, "ChecksumError"},
        {5, "DigestError"}, {6, "UnknownChunkError"}, {7, "ChunkOrderError"}, {8, "LimitError"},
        {9, "IndexTableError"}, {20, "RecordError"}, {21, "NameTableError"}, {22, "UnknownKindError"},
        {23, "UnknownCoderError"}, {24, "UnknownDtypeError"}, {25, "FactorizationError"}, {26, "StepCodeError"},
        {40, "PayloadError"}, {41, "SymbolError"}, {WCZ_ERROR_MEMORY, "out of memory"}, {WCZ_ERROR_CALL, "wrong call"},
        {WCZ_ERROR_PRODUCT, "factors only"}, {WCZ_ERROR_RANGE, "out of range"},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (NAMES[i].error == error) {
            return NAMES[i].name;
        }
    }
    return "unknown error";
}
