/* What the kinds of factorization share: the list of them, and values of factors. */
#include "kinds.h"

const wcz_kind *wcz_find_kind(uint32_t number) {
#define ENTRY(name) &wcz_kind_##name,
    static const wcz_kind *const KINDS[] = {WCZ_ALL_KINDS(ENTRY) NULL};
#undef ENTRY
    const wcz_kind *const *kind = KINDS;
    while (*kind && (*kind)->number != number) {
        kind++;
    }
    return *kind;
}
