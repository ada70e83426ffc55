/* Code length of the mixing coder (coders.md, mixing), symbol by symbol, without a payload. */
#include "cost_meter.h"

typedef cost_meter sink;
#define SYMBOLS const int32_t
#define SYMBOL_AT(symbols, i) ((symbols)[i])
#define STORE_SYMBOL(symbols, i, value) ((void)(value))

static inline uint32_t sink_bit(sink *to, uint32_t chance_of_one, uint32_t bit);
static inline uint32_t sink_branch(sink *to, uint32_t chance_of_one, uint32_t bit);
static inline int sink_next(sink *to);

#include "mixing_walk.h"

static inline uint32_t sink_bit(sink *to, uint32_t chance_of_one, uint32_t bit) {
    return meter_bit(to, chance_of_one, bit);
}

static inline uint32_t sink_branch(sink *to, uint32_t chance_of_one, uint32_t bit) {
    return meter_bit(to, chance_of_one, bit);
}

static inline int sink_next(sink *to) {
    meter_symbol(to);
    return 0;
}

void wcz_mixing_cost_start(wcz_mixing_meter *meter) {
    meter->cost = 0;
    start_model(&meter->model);
}

wcz_status wcz_mixing_cost_array(wcz_mixing_meter *meter, const wcz_view *view, void *scratch,
                                 size_t scratch_size_, const int32_t *values, size_t count, uint32_t *costs) {
    if (count && (scratch_size(view) == 0 || scratch_size_ < scratch_size(view))) {
        return WCZ_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i] == INT32_MIN) {
            return WCZ_SYMBOL;
        }
    }
    sink to = {meter->cost, meter->cost, costs};
    wcz_status status = code_array(&meter->model, &to, view, scratch, values, count);
    meter->cost = to.cost;
    return status;
}
