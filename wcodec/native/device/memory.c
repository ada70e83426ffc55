/* Memory from the caller, and what libc would give on other machines. */
#include "device.h"

int wcz_allocate(const wcz_memory *memory, size_t count, size_t size, void **block) {
    const size_t nbytes = count ? count * size : 1;
    *block = count <= SIZE_MAX / 2 / size ? memory->allocate(memory->context, nbytes) : NULL;
    if (!*block) {
        return WCZ_ERROR_MEMORY;
    }
    for (size_t i = 0; i < nbytes; i++) {
        ((uint8_t *)*block)[i] = 0;
    }
    return 0;
}

void wcz_release(const wcz_memory *memory, void **block) {
    if (*block) {
        memory->release(memory->context, *block);
    }
    *block = NULL;
}

int wcz_enlarge(const wcz_memory *memory, void **block, size_t kept, size_t count, size_t size) {
    void *larger;
    int error = wcz_allocate(memory, count, size, &larger);
    if (!error) {
        wcz_copy(larger, *block, kept);
        wcz_release(memory, block);
        *block = larger;
    }
    return error;
}

void wcz_copy(void *to, const void *from, size_t nbytes) {
    for (size_t i = 0; i < nbytes; i++) {
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
}

/* By halves: no division of 64 bits, and no product of 128. */
uint64_t wcz_product(uint64_t a, uint64_t b) {
    const uint64_t a_low = a & UINT32_MAX, b_low = b & UINT32_MAX, low = a_low * b_low;
    if (a >> 32 && b >> 32) {
        return UINT64_MAX;
    }
    uint64_t high = (a >> 32) * b_low + (b >> 32) * a_low + (low >> 32);
    return high > UINT32_MAX ? UINT64_MAX : high << 32 | (low & UINT32_MAX);
}

int wcz_compare(const uint8_t *a, size_t a_nbytes, const uint8_t *b, size_t b_nbytes) {
    for (size_t i = 0; i < a_nbytes && i < b_nbytes; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return (a_nbytes > b_nbytes) - (a_nbytes < b_nbytes);
}

/* The shortest form of each character, no surrogates, none beyond U+10FFFF. */
int wcz_is_utf8(const uint8_t *text, size_t nbytes) {
    for (size_t i = 0; i < nbytes;) {
        uint8_t first = text[i++];
        unsigned more = first < 0x80 ? 0 : first < 0xC2 ? 4 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : 4;
        uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;      /* bounds of the second byte */
        uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (more > nbytes - i) {
            return 0;
        }
        for (; more; more--, i++, low = 0x80, high = 0xBF) {
            if (text[i] < low || text[i] > high) {
                return 0;
            }
        }
    }
    return 1;
}
