/* Metadata: maps of strings to strings, kept as they came (wcz.md, section 7). */
#include "decoder.h"

#define MAX_CHUNKS 16       /* of metadata in a file; the keys of each are compared to all before them */

/* Holds a map to its types; `at` is behind its head. */
static int check_types(wcz_cursor at, uint64_t count) {
    wcz_object key, value;
    for (uint64_t i = 0; i < count; i++) {
        (void)wcz_next_object(&at, &key);
        (void)wcz_next_object(&at, &value);
        if (key.type != WCZ_STRING || value.type != WCZ_STRING) {
            return WCZ_RECORD;
        }
    }
    return 0;
}

int wcz_metadata_add(const wcz_memory *memory, wcz_metadata_table *table, const uint8_t *body, size_t nbytes,
                     uint64_t limit) {
    wcz_object map;
    wcz_cursor at, all = {NULL, NULL, WCZ_RECORD};
    int error = wcz_read_whole(memory, body, nbytes, limit, &map, &at);
    if (error || map.type != WCZ_MAP || (error = check_types(at, map.value))) {
        return error ? error : WCZ_RECORD;
    }
    size_t added = (size_t)(body + nbytes - at.at), total = table->nbytes + added;
    if (++table->chunks > MAX_CHUNKS) {
        return WCZ_LIMIT;
    }
    void *block = table->pairs;
    error = wcz_enlarge(memory, &block, table->nbytes, total, 1);
    table->pairs = (uint8_t *)block;
    if (error) {
        return error;
    }
    wcz_copy(table->pairs + table->nbytes, at.at, added);
    table->nbytes = total;
    table->count += map.value;
    all.at = table->pairs;
    all.end = table->pairs + total;
    return wcz_check_keys(memory, all, table->count);
}

const char *wcz_metadata(const wcz_decoder *decoder, const char *key, size_t *nbytes) {
    const wcz_metadata_table *table = &decoder->metadata;
    wcz_cursor at = {table->pairs, NULL, WCZ_RECORD};
    wcz_object name, value;
    size_t key_nbytes = 0;
    at.end = table->count ? table->pairs + table->nbytes : NULL;
    while (key[key_nbytes]) {
        key_nbytes++;
    }
    for (uint64_t i = 0; i < table->count; i++) {
        (void)wcz_next_object(&at, &name);
        (void)wcz_next_object(&at, &value);
        if (wcz_compare(name.bytes, (size_t)name.value, (const uint8_t *)key, key_nbytes) == 0) {
            *nbytes = (size_t)value.value;
            return (const char *)value.bytes;
        }
    }
    return NULL;
}

void wcz_metadata_release(const wcz_memory *memory, wcz_metadata_table *table) {
    void *block = table->pairs;
    wcz_release(memory, &block);
    table->pairs = NULL;
}
