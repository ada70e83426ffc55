/* Code length of the mixing coder (coders.md, mixing), symbol by symbol, without a payload. */
#include "wcz_kernel.h"

typedef struct {
    uint64_t cost;     /* in 2^-16 bit */
} sink;

#define SYMBOLS const int32_t
#define SYMBOL_AT(symbols, i) ((symbols)[i])
#define STORE_SYMBOL(symbols, i, value) ((void)(value))

static inline uint32_t sink_bit(sink *to, uint32_t chance_of_one, uint32_t bit);
static inline uint32_t sink_branch(sink *to, uint32_t chance_of_one, uint32_t bit);
static inline int sink_full(const sink *to);

#include "mixing_walk.h"

/* 256 * log2(1 + i / 64), rounded. */
static const uint16_t LOG_MANTISSA[65] = {
    0, 6, 11, 17, 22, 28, 33, 38, 44, 49, 54, 59, 63, 68, 73, 78, 82, 87, 92, 96, 100, 105,
    109, 113, 118, 122, 126, 130, 134, 138, 142, 146, 150, 154, 157, 161, 165, 169, 172, 176, 179, 183, 186, 190,
    193, 197, 200, 203, 207, 210, 213, 216, 220, 223, 226, 229, 232, 235, 238, 241, 244, 247, 250, 253, 256,
};

/* 16 - log2(chance), in 2^-16 bit; off by less than 2^-8 bit. */
static inline uint32_t sink_bit(sink *to, uint32_t chance_of_one, uint32_t bit) {
    uint32_t chance = bit ? chance_of_one : 65536u - chance_of_one;
    unsigned exponent = wcz_log2(chance);
    uint32_t mantissa = (chance << (16 - exponent)) & 65535u;
    uint32_t cell = mantissa >> 10, past = mantissa & 1023;
    uint32_t log = LOG_MANTISSA[cell] * (1024 - past) + LOG_MANTISSA[cell + 1] * past;
    to->cost += ((uint32_t)(16 - exponent) << 16) - (log >> 2);
    return bit;
}

static inline uint32_t sink_branch(sink *to, uint32_t chance_of_one, uint32_t bit) {
    return sink_bit(to, chance_of_one, bit);
}

static inline int sink_full(const sink *to) {
    (void)to;
    return 0;
}

void wcz_mixing_cost_start(wcz_mixing_meter *meter) {
    meter->cost = 0;
    start_model(&meter->model);
}

wcz_status wcz_mixing_cost_array(wcz_mixing_meter *meter, const wcz_mixing_view *view, void *scratch,
                                 size_t scratch_size_, const int32_t *values, size_t count) {
    if (count && (scratch_size(view) == 0 || scratch_size_ < scratch_size(view))) {
        return WCZ_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i] == INT32_MIN) {
            return WCZ_SYMBOL;
        }
    }
    sink to = {meter->cost};
    wcz_status status = code_array(&meter->model, &to, view, scratch, values, count);
    meter->cost = to.cost;
    return status;
}
