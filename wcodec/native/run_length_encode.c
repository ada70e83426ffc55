/* Encoder of the run-length codes (coders.md, elias_gamma and rice): one walk, two sinks, lengths or bits. */
#include "bits.h"

/* The sink counts where `out` is absent: the exact length is known before the first byte is written. */
typedef struct {
    wcz_bit_writer *out;
    uint64_t bits;
} sink;

static void put_gamma(sink *to, uint32_t value) {
    unsigned low = wcz_log2(value);
    to->bits += 2 * (uint64_t)low + 1;
    if (to->out) {
        wcz_write_unary(to->out, low);
        wcz_write_bits(to->out, value & ~((uint32_t)1 << low), low);
    }
}

static void put_count(sink *to, uint32_t count, int32_t code) {
    if (code < 0) {
        put_gamma(to, count + 1);
        return;
    }
    uint32_t prefix = count >> code;
    to->bits += (uint64_t)prefix + 1 + (uint64_t)code;
    if (to->out) {
        wcz_write_unary(to->out, prefix);
        wcz_write_bits(to->out, count & (((uint32_t)1 << code) - 1), (unsigned)code);
    }
}

static void put_non_zero(sink *to, int32_t value, int32_t code) {
    to->bits += 1;
    if (to->out) {
        wcz_write_bits(to->out, value > 0, 1);
    }
    put_count(to, (uint32_t)(value > 0 ? value : -value) - 1, code);
}

/* The first index at or after `from` where being zero is no longer `zero`. */
static size_t run_end(const int32_t *values, size_t count, size_t from, int zero) {
    while (from < count && (values[from] == 0) == zero) {
        from++;
    }
    return from;
}

static wcz_status walk(const int32_t *values, size_t count, const wcz_run_length_format *format, sink *to) {
    size_t done = 0, least_zeros = 0;
    while (done < count) {
        size_t end = run_end(values, count, done, 1);
        size_t run = end - done - least_zeros;
        if (run > INT32_MAX - 1) {
            return WCZ_SYMBOL;
        }
        put_count(to, (uint32_t)run, format->run_code);
        if (end == count) {
            break;
        }
        done = end;
        end = done + 1;
        if (format->non_zero_runs) {
            end = run_end(values, count, done, 0);
            if (end - done > INT32_MAX - 1) {
                return WCZ_SYMBOL;
            }
            put_count(to, (uint32_t)(end - done - 1), format->run_code);
            least_zeros = 1;
        }
        for (; done < end; done++) {
            if (values[done] == INT32_MIN) {
                return WCZ_SYMBOL;
            }
            put_non_zero(to, values[done], format->magnitude_code);
        }
    }
    return WCZ_OK;
}

wcz_status wcz_run_length_bits(const int32_t *values, size_t count, const wcz_run_length_format *format,
                               uint64_t *bits) {
    sink lengths = {0, 0};
    if (format->run_code < -1 || format->run_code > 30 || format->magnitude_code < -1 || format->magnitude_code > 30) {
        return WCZ_ARGUMENT;
    }
    wcz_status status = walk(values, count, format, &lengths);
    *bits = lengths.bits;
    return status;
}

wcz_status wcz_run_length_encode(const int32_t *values, size_t count, const wcz_run_length_format *format,
                                 uint8_t *payload, size_t capacity, size_t *written) {
    uint64_t bits;
    wcz_status status = wcz_run_length_bits(values, count, format, &bits);
    if (status != WCZ_OK) {
        return status;
    }
    if ((bits + 7) / 8 > capacity) {
        return WCZ_CAPACITY;
    }
    wcz_bit_writer out = {payload, 0, 0, 0};
    sink writer = {&out, 0};
    walk(values, count, format, &writer);
    wcz_flush_bits(&out);
    *written = out.next;
    return WCZ_OK;
}
