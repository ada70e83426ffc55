/* Code length of the context coder (coders.md, context), symbol by symbol, without a payload. */
#include "cost_meter.h"

typedef cost_meter sink;

static inline void sink_bit(sink *to, uint32_t chance_of_one, uint32_t bit) {
    meter_bit(to, chance_of_one, bit);
}

static inline void sink_next(sink *to) {
    meter_symbol(to);
}

#include "context_symbols.h"

void wcz_context_cost_start(wcz_context_meter *meter) {
    meter->cost = 0;
    start_contexts(meter->contexts);
}

wcz_status wcz_context_cost_array(wcz_context_meter *meter, const wcz_view *view, uint16_t *columns,
                                  size_t column_count, const int32_t *values, size_t count, uint32_t *costs) {
    sink to = {meter->cost, meter->cost, costs};
    wcz_status status = encode_array(&to, meter->contexts, view, columns, column_count, values, count);
    meter->cost = to.cost;
    return status;
}
