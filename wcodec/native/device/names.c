/* The name table: front-coded names, and which tensor takes which (wcz.md, section 4). */
#include "device.h"

#define GROUPED 0x80000000u
#define START (GROUPED - 1)

/* A zero ends each. The first 15 are tokens 01 to 0F, which end a name, the others 10 to 1E. */
static const char PIECES[] =
    "/kernel\0/bias\0.weight\0.bias\0/gamma\0/beta\0/moving_mean\0/moving_variance\0.running_mean\0.running_var\0"
    ".num_batches_tracked\0/recurrent_kernel\0/embeddings\0/depthwise_kernel\0/pointwise_kernel\0"
    "conv2d\0dense\0batch_normalization\0depthwise_conv2d\0conv\0layer\0encoder\0decoder\0attention\0embedding\0"
    "lstm\0block\0norm\0downsample\0output";

static const char *piece_of(uint8_t token) {
    const char *piece = PIECES;
    while (--token) {
        while (*piece++) {
        }
    }
    return piece;
}

/* One entry of the table. */
typedef struct {
    const uint8_t *at, *end;
    uint32_t shared, grouped;
    uint64_t nbytes;            /* of the name */
} entry;

static int read_flags(entry *e) {
    uint64_t flags = 0;
    for (unsigned i = 0; i < 5; i++) {
        if (e->at == e->end) {
            return WCZ_NAME_TABLE;
        }
        uint8_t byte = *e->at++;
        flags |= (uint64_t)(byte & 0x7F) << 7 * i;
        if (byte < 0x80) {
            if (byte == 0 && i > 0) {
                return WCZ_NAME_TABLE;
            }
            e->shared = (uint32_t)(flags >> 1);
            e->grouped = (uint32_t)(flags & 1);
            return 0;
        }
    }
    return WCZ_NAME_TABLE;
}

static void put(entry *e, uint8_t *to, uint8_t byte) {
    if (to) {
        to[e->nbytes] = byte;
    }
    e->nbytes++;
}

static int read_suffix(entry *e, uint8_t *to) {
    while (e->at < e->end) {
        uint8_t byte = *e->at++;
        if (byte == 0) {
            return 0;
        }
        if (byte >= 0x20) {
            put(e, to, byte);
        } else if (byte == 0x1F) {
            if (e->at == e->end) {
                return WCZ_NAME_TABLE;
            }
            put(e, to, *e->at++);
        } else {
            for (const char *piece = piece_of(byte); *piece; piece++) {
                put(e, to, (uint8_t)*piece);
            }
            if (byte <= 0x0F) {
                return 0;
            }
        }
    }
    return WCZ_NAME_TABLE;
}

/* How many names a body has, and how many bytes. */
static int measure(const wcz_limits *limits, const wcz_names *names, const uint8_t *body, size_t nbytes,
                   uint64_t *count, uint64_t *added) {
    entry e = {body, body + nbytes, 0, 0, 0};
    int error;
    *count = *added = 0;
    while (e.at < e.end) {
        if ((error = read_flags(&e))) {
            return error;
        }
        if (e.shared > e.nbytes) {
            return WCZ_NAME_TABLE;
        }
        e.nbytes = e.shared;
        if ((error = read_suffix(&e, NULL))) {
            return error;
        }
        *count += 1;
        *added += e.nbytes;
        if (names->count + *count > limits->tensors || names->used + *added > limits->names_nbytes) {
            return WCZ_LIMIT;
        }
    }
    return 0;
}

static size_t length_of(const wcz_names *names, uint32_t number) {
    return (names->starts[number + 1] & START) - (names->starts[number] & START) - 1;
}

/* Puts the newest name where it belongs in the order; WCZ_NAME_TABLE where it is there already. */
static int place(wcz_names *names, uint32_t number) {
    const uint8_t *text = names->text + (names->starts[number] & START);
    uint32_t low = 0, high = number;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, other = names->order[middle];
        int side = wcz_compare(text, length_of(names, number), names->text + (names->starts[other] & START),
                               length_of(names, other));
        if (side == 0) {
            return WCZ_NAME_TABLE;
        }
        if (side < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    for (uint32_t i = number; i > low; i--) {
        names->order[i] = names->order[i - 1];
    }
    names->order[low] = number;
    return 0;
}

/* Room for more names. */
static int grow(const wcz_memory *memory, wcz_names *names, uint64_t count, uint64_t added) {
    const size_t held = names->count, texts = names->used + held, wanted = held + (size_t)count;
    void *text = names->text, *starts = names->starts, *order = names->order;
    if (texts + added + count >= START) {
        return WCZ_LIMIT;
    }
    int error = wcz_enlarge(memory, &text, texts, texts + (size_t)(added + count), 1);
    if (!error && !(error = wcz_enlarge(memory, &starts, (held + (held > 0)) * sizeof *names->starts, wanted + 1,
                                        sizeof *names->starts))) {
        error = wcz_enlarge(memory, &order, held * sizeof *names->order, wanted, sizeof *names->order);
    }
    names->text = (uint8_t *)text;
    names->starts = (uint32_t *)starts;
    names->order = (uint32_t *)order;
    return error;
}

int wcz_names_add(const wcz_memory *memory, const wcz_limits *limits, wcz_names *names, const uint8_t *body,
                  size_t nbytes) {
    uint64_t count, added;
    entry e = {body, body + nbytes, 0, 0, 0};
    const uint8_t *previous = NULL;
    int error = nbytes > limits->names_nbytes ? WCZ_LIMIT : measure(limits, names, body, nbytes, &count, &added);
    if (error || count == 0 || (error = grow(memory, names, count, added))) {
        return error;
    }
    while (e.at < e.end) {
        uint32_t start = names->used + names->count;
        uint8_t *name = names->text + start;
        (void)read_flags(&e);
        wcz_copy(name, previous, e.shared);
        e.nbytes = e.shared;
        (void)read_suffix(&e, name);
        name[e.nbytes] = 0;
        if (!wcz_is_utf8(name, (size_t)e.nbytes)) {
            return WCZ_NAME_TABLE;
        }
        names->starts[names->count] = start | (e.grouped ? GROUPED : 0);
        names->starts[names->count + 1] = start + (uint32_t)e.nbytes + 1;
        if ((error = place(names, names->count))) {
            return error;
        }
        names->count++;
        names->used += (uint32_t)e.nbytes;
        previous = name;
    }
    return 0;
}

static int is_grouped(const wcz_names *names, uint32_t number) {
    return (names->starts[number] & GROUPED) != 0;
}

/* Time O(names in the table), once a chunk. */
int wcz_names_left(const wcz_names *names, unsigned grouped, uint64_t wanted) {
    for (uint32_t i = names->next[grouped]; wanted && i < names->count; i++) {
        wanted -= is_grouped(names, i) == (int)grouped;
    }
    return wanted == 0;
}

const char *wcz_names_take(wcz_names *names, unsigned grouped, size_t *nbytes, uint32_t *position) {
    uint32_t i = names->next[grouped];
    while (is_grouped(names, i) != (int)grouped) {
        i++;
    }
    names->next[grouped] = i + 1;
    *position = i;
    *nbytes = length_of(names, i);
    return (const char *)names->text + (names->starts[i] & START);
}

void wcz_names_release(const wcz_memory *memory, wcz_names *names) {
    void *blocks[3];
    blocks[0] = names->text;
    blocks[1] = names->starts;
    blocks[2] = names->order;
    for (unsigned i = 0; i < 3; i++) {
        wcz_release(memory, &blocks[i]);
    }
}
