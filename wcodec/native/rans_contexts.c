/* What contexts would cost the rans coder (wcodec/coders/rans_plan.py): entropies in integers, so that every machine
 * chooses the same.
 */
#include "bits.h"
#include "log2_table.h"
#include "wcz_rans.h"

enum { SIGNS = 9, SYMBOLS = 256, ZERO = 128, CHOICES = 4 };

/* In 2^-16 bit: a table without its symbols, each symbol between the outermost ones, a table that is not there. */
#define TABLE_BITS ((uint64_t)6 << 16)
#define CODE_BITS ((uint64_t)104858)
#define NO_TABLE_BITS ((uint64_t)117965)

/* What a second neighbour must save, in thousandths: its five tables a class, instead of two, slow the decoder by a tenth. */
#define SECOND_NEIGHBOUR 3

/* x log2 x in 2^-16 for 0 < x < 2^32, to 2^-16 of x: below 2^53. */
static uint64_t x_log2(uint32_t x) {
    unsigned exponent = wcz_log2(x);
    uint64_t mantissa = ((uint64_t)x << (32 - exponent)) & UINT32_MAX;
    uint64_t cell = mantissa >> 25, past = mantissa & 0x1FFFFFF;
    uint64_t log = ((uint64_t)exponent << 16) + WCZ_LOG2[cell] + (((WCZ_LOG2[cell + 1] - WCZ_LOG2[cell]) * past) >> 25);
    return x * log;
}

/* Symbols -m .. m and the escape of one table: the escape at 0, symbol s at s + m + 1. */
typedef struct {
    const uint32_t *counts;
    uint32_t width;
} histogram;

static uint64_t table_bits(histogram table) {
    uint64_t total = 0, entropy = 0;
    uint32_t first = table.width, last = 0;
    for (uint32_t i = 0; i < table.width; i++) {
        if (table.counts[i]) {
            total += table.counts[i];
            entropy += x_log2(table.counts[i]);
            first = first < i ? first : i;
            last = i;
        }
    }
    return total ? x_log2((uint32_t)total) - entropy + TABLE_BITS + CODE_BITS * (last + 1 - first) : NO_TABLE_BITS;
}

/* The counts of one sign context, and those of its mirror image with symbols negated, added to `table`. */
static void add_counts(const uint32_t *counts, uint32_t most, int mirrored, uint32_t *table) {
    table[0] += counts[0];
    for (uint32_t i = 0; i < 2 * most + 1; i++) {
        table[1 + i] += counts[mirrored ? ZERO + most - i : ZERO - most + i];
    }
}

/* Context of the tables that 3 sign(a) + sign(b) + 4 goes to, and whether mirrored. By choice: both neighbours, the first,
 * the second, none. */
static unsigned table_of(unsigned choice, unsigned signs, int *mirrored) {
    const int a = (int)(signs / 3) - 1, b = (int)(signs % 3) - 1;
    const int keys[CHOICES] = {3 * a + b, 3 * a, 3 * b, 0};
    *mirrored = keys[choice] < 0;
    return (unsigned)(*mirrored ? -keys[choice] : keys[choice]);
}

/* Largest magnitude in all counts. */
static uint32_t widest(const uint32_t *counts) {
    uint32_t most = 0;
    for (size_t table = 0; table < WCZ_RANS_CLASSES * SIGNS; table++, counts += SYMBOLS) {
        for (uint32_t m = ZERO - 1; m > most; m--) {
            if (counts[ZERO - m] | counts[ZERO + m]) {
                most = m;
            }
        }
    }
    return most;
}

/* One class under one choice: its tables, apart and as one. */
typedef struct {
    uint32_t tables[WCZ_RANS_CONTEXTS][SYMBOLS];
    uint32_t merged[SYMBOLS];
} class_tables;

static void fold(const uint32_t *counts, uint32_t most, unsigned choice, class_tables *out) {
    for (uint32_t i = 0; i < 2 * most + 2; i++) {
        for (unsigned context = 0; context < WCZ_RANS_CONTEXTS; context++) {
            out->tables[context][i] = 0;
        }
        out->merged[i] = 0;
    }
    for (unsigned signs = 0; signs < SIGNS; signs++) {
        int mirrored;
        unsigned context = table_of(choice, signs, &mirrored);
        add_counts(counts + signs * SYMBOLS, most, mirrored, out->tables[context]);
        add_counts(counts + signs * SYMBOLS, most, mirrored, out->merged);
    }
}

/* Bits of a class under a choice; whether its contexts had better share a table. */
static uint64_t class_bits(const class_tables *tables, uint32_t width, unsigned choice, uint8_t *merged) {
    static const uint8_t LAST[CHOICES] = {4, 3, 3, 0}, STEP[CHOICES] = {1, 3, 3, 1};
    uint64_t apart = 0, together = table_bits((histogram){tables->merged, width});
    for (unsigned context = 0; context <= LAST[choice]; context += STEP[choice]) {
        apart += table_bits((histogram){tables->tables[context], width});
    }
    *merged = together <= apart;
    return *merged ? together : apart;
}

static int is_empty(const uint32_t *counts) {
    uint32_t any = 0;
    for (size_t i = 0; i < SIGNS * SYMBOLS; i++) {
        any |= counts[i];
    }
    return any == 0;
}

/* The cheapest choice; with it the bits, and which classes merge. */
static wcz_rans_contexts cheapest(const uint32_t *counts, uint32_t most, class_tables *folded) {
    wcz_rans_contexts best = {0, 0, {0}};
    for (unsigned choice = 0; choice < CHOICES; choice++) {
        wcz_rans_contexts tried = {choice, 0, {0}};
        for (unsigned class = 0; class < WCZ_RANS_CLASSES; class++) {
            const uint32_t *mine = counts + class * SIGNS * SYMBOLS;
            tried.merged[class] = 1;
            if (is_empty(mine)) {
                tried.bits += NO_TABLE_BITS;
            } else {
                fold(mine, most, choice, folded);
                tried.bits += class_bits(folded, 2 * most + 2, choice, &tried.merged[class]);
            }
        }
        if (choice == 0 || tried.bits * 1000 < best.bits * (best.choice ? 1000 : 1000 + SECOND_NEIGHBOUR)) {
            best = tried;
        }
    }
    return best;
}

wcz_status wcz_rans_weigh(const uint32_t *counts, wcz_rans_contexts *best, uint32_t *tables) {
    const uint32_t most = widest(counts);
    class_tables folded;
    *best = cheapest(counts, most, &folded);
    for (size_t i = 0; i < (size_t)WCZ_RANS_CLASSES * WCZ_RANS_CONTEXTS * SYMBOLS; i++) {
        tables[i] = 0;
    }
    for (unsigned class = 0; class < WCZ_RANS_CLASSES; class++) {
        fold(counts + class * SIGNS * SYMBOLS, most, best->choice, &folded);
        for (unsigned context = 0; context < WCZ_RANS_CONTEXTS; context++, tables += SYMBOLS) {
            tables[0] = folded.tables[context][0];
            for (uint32_t i = 0; i < 2 * most + 1; i++) {
                tables[ZERO - most + i] = folded.tables[context][1 + i];
            }
        }
    }
    return WCZ_OK;
}
