/* Mutations of one input, for harnesses without libFuzzer. */
#ifndef MUTATED_H
#define MUTATED_H

#include <stddef.h>

#include "random_below.h"

/* Up to three changes to bytes, length or end; `near_start` of 4 fall into the first `head` bytes. Returns the new size,
 * `most` at the most. */
static size_t mutated(uint8_t *input, size_t size, size_t most, uint32_t head, uint32_t near_start) {
    for (uint32_t n = random_below(4); n > 0 && size > 0; n--) {
        uint32_t at = random_below(random_below(4) < near_start && size > head ? head : (uint32_t)size);
        switch (random_below(4)) {
            case 0: input[at] ^= (uint8_t)(1u << random_below(8)); break;
            case 1: input[at] = (uint8_t)random_below(256); break;
            case 2: size = at; break;
            default:
                while (size < most && random_below(8)) {
                    input[size++] = (uint8_t)random_below(256);
                }
        }
    }
    return size;
}

#endif
