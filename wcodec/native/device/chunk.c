/* A tensor or group chunk: its manifest, and its tensors one after another (wcz.md, section 5). */
#include "decoder.h"
#include "kinds.h"

#define MAX_STREAM_ENTRIES 4095

/* -- records ---------------------------------------------------------------------------------------------------------- */

/* The record at the cursor with its factors joined; what they declare is the caller's to check. */
static int open_record(const wcz_memory *memory, const wcz_limits *limits, const wcz_chunk *chunk, wcz_cursor *at,
                       wcz_record *record, wcz_factor **factors) {
    void *block;
    int error = wcz_parse_record(at, limits->rank, record);
    *factors = NULL;
    if (error || (error = wcz_allocate(memory, record->factor_count, sizeof(wcz_factor), &block))) {
        return error;
    }
    *factors = (wcz_factor *)block;
    return wcz_join_factors(record, chunk->stream_count, *factors);
}

static void close_record(const wcz_memory *memory, const wcz_record *record, wcz_factor **factors) {
    void *block = *factors;
    for (unsigned i = 0; *factors && i < record->factor_count; i++) {
        wcz_release(memory, &(*factors)[i].data);
    }
    wcz_release(memory, &block);
    *factors = NULL;
}

/* Adds the arrays of a factor to the counts of its streams. */
static int count_factor(wcz_chunk *chunk, const wcz_factor *factor) {
    for (unsigned band = 0; band < factor->bands; band++) {
        wcz_stream *stream = &chunk->streams[factor->stream + band];
        wcz_array array;
        wcz_band_of(factor, band, &array);
        if (stream->coder->symbols && wcz_dtype_is_float(array.dtype)) {
            return WCZ_RECORD;
        }
        stream->arrays++;
        stream->elements += array.count;
        if (factor->form == WCZ_QUANTIZED && band == 0) {
            stream->stepped = 1;
            stream->step_count += factor->step_count;
        }
    }
    return chunk->records > 1 && factor->bands > 1 ? WCZ_RECORD : 0;
}

/* Elements of a step array, a dimension of 0 counting as 1. */
static uint32_t step_extent(const wcz_factor *factor) {
    uint32_t count = factor->form == WCZ_QUANTIZED;
    for (unsigned i = 0; i < factor->rank; i++) {
        count = wcz_times(count, factor->step_axes >> i & 1 && factor->shape[i] ? factor->shape[i] : 1);
    }
    return count;
}

/* Everything that a record declares, before anything of that size is made. `*elements`: of the chunk so far. */
static int check_record(const wcz_limits *limits, wcz_chunk *chunk, const wcz_record *record, const wcz_factor *factors,
                        uint64_t *elements, uint64_t *total_nbytes) {
    const uint32_t extent = wcz_extent(record->shape, record->rank);
    uint64_t stored = 0;
    int error = 0;
    if (extent > limits->elements) {
        return WCZ_LIMIT;
    }
    *total_nbytes += (uint64_t)wcz_count_of(record->shape, record->rank) * wcz_dtype_nbytes(record->dtype);
    for (unsigned i = 0; i < record->factor_count; i++) {
        const uint32_t of_factor = wcz_extent(factors[i].shape, factors[i].rank), of_steps = step_extent(&factors[i]);
        if (of_factor > limits->elements || of_steps > limits->elements) {
            return WCZ_LIMIT;
        }
        stored += (uint64_t)of_factor + of_steps;
    }
    *elements += stored > extent ? stored : extent;
    if (*elements > limits->elements || *total_nbytes > limits->total_nbytes) {
        return WCZ_LIMIT;
    }
    for (unsigned i = 0; !error && i < record->factor_count; i++) {
        error = count_factor(chunk, &factors[i]);
    }
    return error;
}

static int check_records(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk, uint64_t *total_nbytes) {
    wcz_cursor at = chunk->first;
    uint64_t elements = 0;
    int error = 0;
    for (uint32_t i = 0; !error && i < chunk->records; i++) {
        wcz_record record;
        wcz_factor *factors;
        error = open_record(memory, limits, chunk, &at, &record, &factors);
        if (!error) {
            error = check_record(limits, chunk, &record, factors, &elements, total_nbytes);
        }
        close_record(memory, &record, &factors);
    }
    for (uint32_t i = 0; !error && i < chunk->stream_count; i++) {
        wcz_stream *stream = &chunk->streams[i];
        if (stream->arrays == 0 && stream->size) {
            error = WCZ_PAYLOAD;
        }
        stream->arrays += stream->stepped;
        stream->elements += stream->step_count;
    }
    return error;
}

/* -- streams ---------------------------------------------------------------------------------------------------------- */

/* The head of the manifest, a coder or [coder, nbytes, ..., coder]; the payloads follow each other from `payload` on. */
static int open_streams(const wcz_memory *memory, wcz_chunk *chunk, wcz_cursor at, const uint8_t *payload, size_t size) {
    wcz_cursor inside = at;
    wcz_object head;
    uint32_t entries = 1, coder;
    void *block;
    int error;
    (void)wcz_next_object(&inside, &head);
    if (head.type == WCZ_ARRAY) {
        entries = head.value > MAX_STREAM_ENTRIES ? 0 : (uint32_t)head.value;
        at = inside;
    }
    if (entries % 2 == 0) {
        return WCZ_RECORD;
    }
    if ((error = wcz_allocate(memory, (entries + 1) / 2, sizeof(wcz_stream), &block))) {
        return error;
    }
    chunk->streams = (wcz_stream *)block;
    chunk->stream_count = (entries + 1) / 2;
    for (wcz_stream *stream = chunk->streams, *last = stream + entries / 2; stream <= last; stream++) {
        if ((error = wcz_next_natural(&at, &coder))) {
            return error;
        }
        stream->size = size;
        if (stream < last) {
            if (wcz_next_of(&at, WCZ_INTEGER, &head) || head.negative || head.value > size) {
                return WCZ_RECORD;
            }
            stream->size = (size_t)head.value;
        }
        stream->coder = wcz_find_coder(coder);
        if (!stream->coder) {
            return WCZ_UNKNOWN_CODER;
        }
        stream->payload = payload;
        payload += stream->size;
        size -= stream->size;
    }
    return 0;
}

int wcz_chunk_open(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk, const uint8_t *body,
                   size_t nbytes, uint64_t *total_nbytes) {
    const int cut = nbytes > limits->manifest_nbytes;
    wcz_cursor at = {body, body + (cut ? (size_t)limits->manifest_nbytes : nbytes), cut ? WCZ_LIMIT : WCZ_RECORD};
    wcz_cursor inside = at;
    wcz_object manifest;
    int error = wcz_check_object(memory, &at);
    if (error) {
        return error;
    }
    (void)wcz_next_object(&inside, &manifest);
    if (manifest.type != WCZ_ARRAY || manifest.value < 2) {
        return WCZ_RECORD;
    }
    chunk->records = (uint32_t)(manifest.value - 1);
    chunk->first = inside;
    wcz_skip_object(&chunk->first);
    chunk->at = chunk->first;
    chunk->record = 0;
    error = open_streams(memory, chunk, inside, at.at, (size_t)(body + nbytes - at.at));
    return error ? error : check_records(memory, limits, chunk, total_nbytes);
}

/* -- decoding --------------------------------------------------------------------------------------------------------- */

/* Elements of the next array of a stream and of those behind it that share its dtype. Runs through the records from the
 * first one: `seen` counts the arrays of the stream. */
static int find_run(const wcz_memory *memory, const wcz_limits *limits, const wcz_chunk *chunk, uint32_t number,
                    uint32_t *elements) {
    const wcz_stream *stream = &chunk->streams[number];
    wcz_cursor at = chunk->first;
    uint32_t seen = stream->stepped;
    unsigned dtype = WCZ_DTYPES;        /* none yet */
    int error = 0, ended = 0;
    *elements = 0;
    if (stream->stepped && stream->done == 0) {
        dtype = WCZ_INT32;
        *elements = stream->step_count;
    }
    for (uint32_t i = 0; !error && !ended && i < chunk->records; i++) {
        wcz_record record;
        wcz_factor *factors;
        error = open_record(memory, limits, chunk, &at, &record, &factors);
        for (unsigned j = 0; !error && !ended && j < record.factor_count; j++) {
            wcz_array array;
            if (number < factors[j].stream || number - factors[j].stream >= factors[j].bands) {
                continue;
            }
            wcz_band_of(&factors[j], number - factors[j].stream, &array);
            if (seen++ >= stream->done) {
                dtype = dtype == WCZ_DTYPES ? array.dtype : dtype;
                ended = array.dtype != dtype;
                *elements += ended ? 0 : array.count;
            }
        }
        close_record(memory, &record, &factors);
    }
    return error;
}

static int prepare_run(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk, uint32_t number) {
    wcz_stream *stream = &chunk->streams[number];
    int wanted = stream->coder->runs && stream->run_elements == 0;
    return wanted ? find_run(memory, limits, chunk, number, &stream->run_elements) : 0;
}

static int load_factor(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk, wcz_factor *factor) {
    const unsigned nbytes = wcz_dtype_nbytes(factor->stored);
    size_t done = 0;
    int error = wcz_allocate(memory, factor->count, nbytes, &factor->data);
    for (unsigned band = 0; !error && band < factor->bands; band++) {
        uint32_t number = factor->stream + band;
        wcz_stream *stream = &chunk->streams[number];
        wcz_array array;
        if (stream->done == 0 && !(error = prepare_run(memory, limits, chunk, number))) {
            error = wcz_stream_start(memory, stream);
        }
        if (!error && !(error = prepare_run(memory, limits, chunk, number))) {
            error = wcz_stream_read(memory, stream, factor, band, (uint8_t *)factor->data + done * nbytes);
        }
        wcz_band_of(factor, band, &array);
        done += array.count;
    }
    return error;
}

int wcz_chunk_next(const wcz_memory *memory, const wcz_limits *limits, wcz_chunk *chunk) {
    int error;
    close_record(memory, &chunk->current, &chunk->factors);
    chunk->record++;
    error = open_record(memory, limits, chunk, &chunk->at, &chunk->current, &chunk->factors);
    for (unsigned i = 0; !error && i < chunk->current.factor_count; i++) {
        error = load_factor(memory, limits, chunk, &chunk->factors[i]);
    }
    if (!error) {
        error = wcz_check_factors(wcz_find_kind(chunk->current.kind), &chunk->current, chunk->factors);
    }
    return error;
}

void wcz_chunk_rewind(const wcz_memory *memory, wcz_chunk *chunk) {
    close_record(memory, &chunk->current, &chunk->factors);
    for (uint32_t i = 0; i < chunk->stream_count; i++) {
        wcz_stream_reset(memory, &chunk->streams[i]);
    }
    chunk->at = chunk->first;
    chunk->record = 0;
}

void wcz_chunk_close(const wcz_memory *memory, wcz_chunk *chunk) {
    void *streams = chunk->streams;
    wcz_chunk_rewind(memory, chunk);
    wcz_release(memory, &streams);
    chunk->streams = NULL;
    chunk->stream_count = 0;
    chunk->records = 0;
}
