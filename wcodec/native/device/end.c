/* The END chunk: index, digest, names left over (wcz.md, section 6). */
#include "decoder.h"

/* The index is compared by a digest of what it says: chunks need not be remembered. */
void wcz_add_to_index(wcz_sha256 *index, uint64_t nbytes, uint64_t tensors) {
    uint8_t bytes[16];
    for (unsigned i = 0; i < 8; i++, nbytes >>= 8, tensors >>= 8) {
        bytes[i] = (uint8_t)nbytes;
        bytes[8 + i] = (uint8_t)tensors;
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
        if (wcz_next_of(at, WCZ_INTEGER, &nbytes) || wcz_next_of(at, WCZ_INTEGER, &tensors)) {
            return WCZ_RECORD;
        }
        disagrees |= nbytes.negative || (!tensors.negative && tensors.value > INT64_MAX);
        wcz_add_to_index(&index, nbytes.value, tensors.value);
    }
    wcz_sha256_end(&index, found);
    index = decoder->index;
    wcz_sha256_end(&index, wanted);
    return disagrees || wcz_compare(found, 32, wanted, 32) ? WCZ_INDEX : 0;
}

int wcz_end_file(wcz_decoder *decoder, const uint8_t *body, size_t nbytes) {
    wcz_object table, wanted;
    wcz_cursor at, entry;
    uint8_t digest[32];
    uint32_t span = 0;
    int error = 0;
    for (unsigned i = 4; nbytes >= 4 && i > 0; i--) {
        span = span << 8 | body[nbytes - 5 + i];
    }
    if (nbytes) {
        if (span != decoder->head_nbytes + nbytes + 4) {
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
    if (!error && (wcz_names_left(&decoder->names, 0, 1) || wcz_names_left(&decoder->names, 1, 1))) {
        error = WCZ_NAME_TABLE;
    }
    return error;
}
