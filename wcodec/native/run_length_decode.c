/* Decoder of the run-length codes (coders.md, elias_gamma and rice). */
#include "bits.h"

#define MAX_GAMMA_ZEROS 30          /* values up to 2^31 - 1 */
#define MAX_MAGNITUDE 0x7FFFFFFFu

/* Elias gamma: the k zeros, a one, then the k low bits of the value. 1 <= value < 2^31. */
static wcz_status read_gamma(wcz_bit_reader *in, uint64_t *value) {
    uint64_t zeros;
    uint32_t low;
    wcz_status status = wcz_read_unary(in, MAX_GAMMA_ZEROS, &zeros);
    if (status == WCZ_OK && (status = wcz_read_bits(in, (unsigned)zeros, &low)) == WCZ_OK) {
        *value = ((uint64_t)1 << zeros) | low;
    }
    return status;
}

/* Rice: value >> bits zeros, a one, then the low bits. 0 <= value < 2^62: a prefix beyond 2^31 is refused. */
static wcz_status read_rice(wcz_bit_reader *in, unsigned bits, uint64_t *value) {
    uint64_t prefix;
    uint32_t low;
    wcz_status status = wcz_read_unary(in, MAX_MAGNITUDE, &prefix);
    if (status == WCZ_OK && (status = wcz_read_bits(in, bits, &low)) == WCZ_OK) {
        *value = (prefix << bits) | low;
    }
    return status;
}

/* A count from 0. */
static wcz_status read_count(wcz_bit_reader *in, int32_t code, uint64_t *count) {
    if (code >= 0) {
        return read_rice(in, (unsigned)code, count);
    }
    wcz_status status = read_gamma(in, count);
    *count -= status == WCZ_OK;
    return status;
}

static wcz_status read_non_zero(wcz_bit_reader *in, int32_t code, int32_t *value) {
    uint32_t positive;
    uint64_t excess = 0;
    wcz_status status = wcz_read_bits(in, 1, &positive);
    if (status == WCZ_OK && (status = read_count(in, code, &excess)) == WCZ_OK) {
        if (excess >= MAX_MAGNITUDE) {
            return WCZ_CORRUPT;
        }
        *value = positive ? (int32_t)(excess + 1) : -(int32_t)(excess + 1);
    }
    return status;
}

wcz_status wcz_run_length_decode(const uint8_t *payload, size_t size, const wcz_run_length_format *format,
                                 int32_t *values, size_t count, size_t *consumed) {
    wcz_bit_reader in = {payload, size, 0, 0, 0};
    size_t done = 0;
    uint64_t least_zeros = 0;
    if (format->run_code < -1 || format->run_code > 30 || format->magnitude_code < -1 || format->magnitude_code > 30) {
        return WCZ_ARGUMENT;
    }
    while (done < count) {
        uint64_t run = 0;
        wcz_status status = read_count(&in, format->run_code, &run);
        if (status != WCZ_OK) {
            return status;
        }
        run += least_zeros;
        if (run > count - done) {
            return WCZ_OVERRUN;
        }
        for (uint64_t i = 0; i < run; i++) {
            values[done++] = 0;
        }
        if (done == count) {
            break;
        }
        run = 0;
        if (format->non_zero_runs) {
            least_zeros = 1;
            if ((status = read_count(&in, format->run_code, &run)) != WCZ_OK) {
                return status;
            }
        }
        if (run >= count - done) {
            return WCZ_OVERRUN;
        }
        for (uint64_t i = 0; i <= run; i++) {
            if ((status = read_non_zero(&in, format->magnitude_code, &values[done++])) != WCZ_OK) {
                return status;
            }
        }
    }
    return wcz_end_bits(&in, consumed);
}
