/* The subset of msgpack that the format uses, read strictly (wcz.md, section 1.3). */
#include "device.h"

#define MAX_DEPTH 16
#define FEW_KEYS 16     /* of a map that needs no memory */

static int take(wcz_cursor *cursor, uint64_t nbytes, const uint8_t **bytes) {
    if (nbytes > (uint64_t)(cursor->end - cursor->at)) {
        return cursor->ends_early;
    }
    *bytes = cursor->at;
    cursor->at += (size_t)nbytes;
    return 0;
}

static int take_number(wcz_cursor *cursor, unsigned nbytes, uint64_t *value) {
    const uint8_t *bytes = NULL;
    int error = take(cursor, nbytes, &bytes);
    *value = 0;
    for (unsigned i = 0; !error && i < nbytes; i++) {
        *value = *value << 8 | bytes[i];
    }
    return error;
}

static int take_text(wcz_cursor *cursor, wcz_object *object, wcz_object_type type) {
    int error = take(cursor, object->value, &object->bytes);
    object->type = (uint8_t)type;
    if (!error && type == WCZ_STRING && !wcz_is_utf8(object->bytes, (size_t)object->value)) {
        error = WCZ_RECORD;
    }
    return error;
}

/* The object whose first byte, C0 to DF, has been taken. */
static int take_long(wcz_cursor *cursor, uint8_t byte, wcz_object *object) {
    int error = 0;
    if (byte == 0xC0) {
        object->type = WCZ_NIL;
    } else if (byte == 0xC2 || byte == 0xC3) {
        object->type = WCZ_BOOLEAN;
        object->value = byte & 1;
    } else if (byte >= 0xC4 && byte <= 0xC6) {
        error = take_number(cursor, 1u << (byte - 0xC4), &object->value);
        return error ? error : take_text(cursor, object, WCZ_BYTES);
    } else if (byte == 0xCA || byte == 0xCB) {
        object->type = WCZ_FLOAT;
        error = take_number(cursor, byte == 0xCA ? 4 : 8, &object->value);
    } else if (byte >= 0xCC && byte <= 0xD3) {
        unsigned nbytes = 1u << byte % 4;
        object->type = WCZ_INTEGER;
        error = take_number(cursor, nbytes, &object->value);
        if (byte >= 0xD0 && object->value >> (8 * nbytes - 1)) {
            object->negative = 1;
            object->value |= nbytes < 8 ? UINT64_MAX << (8 * nbytes) : 0;
        }
    } else if (byte >= 0xD9 && byte <= 0xDB) {
        error = take_number(cursor, 1u << (byte - 0xD9), &object->value);
        return error ? error : take_text(cursor, object, WCZ_STRING);
    } else if (byte >= 0xDC) {
        object->type = byte < 0xDE ? WCZ_ARRAY : WCZ_MAP;
        error = take_number(cursor, byte & 1 ? 4 : 2, &object->value);
    } else {
        error = WCZ_RECORD;
    }
    return error;
}

int wcz_next_object(wcz_cursor *cursor, wcz_object *object) {
    const uint8_t *byte = NULL;
    int error = take(cursor, 1, &byte);
    object->type = WCZ_NO_OBJECT;
    object->negative = 0;
    object->value = 0;
    object->bytes = NULL;
    if (error) {
        return error;
    }
    if (*byte < 0x80 || *byte >= 0xE0) {
        object->type = WCZ_INTEGER;
        object->negative = *byte >= 0xE0;
        object->value = object->negative ? UINT64_MAX << 8 | *byte : *byte;
        return 0;
    }
    if (*byte < 0xA0) {
        object->type = *byte < 0x90 ? WCZ_MAP : WCZ_ARRAY;
        object->value = *byte & 15;
        return 0;
    }
    if (*byte < 0xC0) {
        object->value = *byte & 31;
        return take_text(cursor, object, WCZ_STRING);
    }
    return take_long(cursor, *byte, object);
}

int wcz_next_of(wcz_cursor *cursor, wcz_object_type type, wcz_object *object) {
    int error = wcz_next_object(cursor, object);
    return error ? error : object->type == type ? 0 : WCZ_RECORD;
}

int wcz_next_natural(wcz_cursor *cursor, uint32_t *value) {
    wcz_object object;
    int error = wcz_next_of(cursor, WCZ_INTEGER, &object);
    *value = object.value < UINT32_MAX ? (uint32_t)object.value : UINT32_MAX;
    return error ? error : object.negative ? WCZ_RECORD : 0;
}

/* No recursion: what is still to come is one number, whatever the nesting. It does not overflow: all that it counts has
 * been checked to be there. */
void wcz_skip_object(wcz_cursor *cursor) {
    for (uint64_t left = 1; left; left--) {
        wcz_object object;
        if (wcz_next_object(cursor, &object)) {
            return;
        }
        left += object.type == WCZ_ARRAY ? object.value : object.type == WCZ_MAP ? 2 * object.value : 0;
    }
}

/* -- keys of a map --------------------------------------------------------------------------------------------------- */

/* Order of two keys in the same map, by where they stand. */
static int compare_keys(wcz_cursor map, uint32_t a, uint32_t b) {
    wcz_cursor at_a = map, at_b = map;
    wcz_object x, y;
    at_a.at += a;
    at_b.at += b;
    (void)wcz_next_object(&at_a, &x);
    (void)wcz_next_object(&at_b, &y);
    if (x.type != y.type) {
        return x.type < y.type ? -1 : 1;
    }
    if (x.type == WCZ_STRING) {
        return wcz_compare(x.bytes, (size_t)x.value, y.bytes, (size_t)y.value);
    }
    if (x.negative != y.negative) {
        return x.negative ? -1 : 1;
    }
    return (x.value > y.value) - (x.value < y.value);
}

/* Heap property below `root`, in keys[0 .. count). */
static void sift(wcz_cursor map, uint32_t *keys, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        uint32_t key = keys[root];
        child += child + 1 < count && compare_keys(map, keys[child], keys[child + 1]) < 0;
        if (compare_keys(map, key, keys[child]) >= 0) {
            return;
        }
        keys[root] = keys[child];
        keys[child] = key;
    }
}

/* By heap sort, so that a hostile map costs no more than others. */
int wcz_check_keys(const wcz_memory *memory, wcz_cursor map, uint64_t count) {
    void *block = NULL;
    uint32_t few[FEW_KEYS], *keys = few;
    wcz_cursor at = map;
    int error = count < 2 ? 0 : (uint64_t)(map.end - map.at) > UINT32_MAX ? WCZ_LIMIT : 0;
    if (!error && count > FEW_KEYS) {
        error = wcz_allocate(memory, (size_t)count, sizeof *keys, &block);
        keys = (uint32_t *)block;
    }
    if (error || count < 2) {
        return error;
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        keys[i] = (uint32_t)(at.at - map.at);
        wcz_skip_object(&at);
        wcz_skip_object(&at);
    }
    for (size_t i = (size_t)count / 2; i-- > 0;) {
        sift(map, keys, i, (size_t)count);
    }
    for (size_t i = (size_t)count; i-- > 1;) {
        uint32_t largest = keys[0];
        keys[0] = keys[i];
        keys[i] = largest;
        sift(map, keys, 0, i);
    }
    for (size_t i = 1; i < (size_t)count; i++) {
        error = compare_keys(map, keys[i - 1], keys[i]) ? error : WCZ_RECORD;
    }
    wcz_release(memory, &block);
    return error;
}

/* -- a whole object --------------------------------------------------------------------------------------------------- */

static int check_object(const wcz_memory *memory, wcz_cursor *cursor, unsigned depth) {
    wcz_object object, key;
    wcz_cursor inside;
    int error = wcz_next_object(cursor, &object);
    if (error || (object.type != WCZ_ARRAY && object.type != WCZ_MAP) || object.value == 0) {
        return error;
    }
    if (depth >= MAX_DEPTH) {
        return WCZ_RECORD;
    }
    inside = *cursor;
    for (uint64_t i = 0; i < object.value; i++) {
        if (object.type == WCZ_MAP) {
            if ((error = wcz_next_object(cursor, &key))) {
                return error;
            }
            if (key.type != WCZ_INTEGER && key.type != WCZ_STRING) {
                return WCZ_RECORD;
            }
        }
        if ((error = check_object(memory, cursor, depth + 1))) {
            return error;
        }
    }
    return object.type == WCZ_MAP ? wcz_check_keys(memory, inside, object.value) : 0;
}

int wcz_check_object(const wcz_memory *memory, wcz_cursor *cursor) {
    return check_object(memory, cursor, 0);
}

int wcz_read_whole(const wcz_memory *memory, const uint8_t *body, size_t nbytes, uint64_t limit, wcz_object *object,
                   wcz_cursor *inside) {
    wcz_cursor cursor = {body, body + (nbytes > limit ? (size_t)limit : nbytes), nbytes > limit ? WCZ_LIMIT : WCZ_RECORD};
    int error;
    *inside = cursor;
    if ((error = wcz_check_object(memory, &cursor))) {
        return error;
    }
    (void)wcz_next_object(inside, object);
    return cursor.at == body + nbytes ? 0 : WCZ_RECORD;
}
