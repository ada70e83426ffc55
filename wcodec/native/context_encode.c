/* Encoder of the context coder (coders.md, context). */
#include "range_coder.h"

typedef wcz_range_encoder sink;

static inline void sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit) {
    wcz_range_encode_bit(out, chance_of_one, bit);
}

static inline void sink_next(sink *out) {
    (void)out;
}

#include "context_symbols.h"

void wcz_context_encode_start(wcz_context_encoder *encoder, uint8_t *payload, size_t capacity) {
    wcz_range_encode_start(&encoder->out, payload, capacity);
    start_contexts(encoder->contexts);
}

wcz_status wcz_context_encode_array(wcz_context_encoder *encoder, const wcz_view *view, uint16_t *columns,
                                    size_t column_count, const int32_t *values, size_t count) {
    wcz_status status = encode_array(&encoder->out, encoder->contexts, view, columns, column_count, values, count);
    return status == WCZ_OK && wcz_range_full(&encoder->out) ? WCZ_CAPACITY : status;
}

wcz_status wcz_context_encode_end(wcz_context_encoder *encoder, size_t *written) {
    return wcz_range_encode_end(&encoder->out, written);
}
