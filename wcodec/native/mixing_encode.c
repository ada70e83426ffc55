/* Encoder of the mixing coder (coders.md, mixing). */
#include "range_coder.h"

typedef wcz_range_encoder sink;
#define SYMBOLS const int32_t
#define SYMBOL_AT(symbols, i) ((symbols)[i])
#define STORE_SYMBOL(symbols, i, value) ((void)(value))

static inline uint32_t sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit);
static inline uint32_t sink_branch(sink *out, uint32_t chance_of_one, uint32_t bit);
static inline int sink_next(sink *out);

#include "mixing_walk.h"

static inline uint32_t sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit) {
    wcz_range_encode_bit(out, chance_of_one, bit);
    return bit;
}

static inline uint32_t sink_branch(sink *out, uint32_t chance_of_one, uint32_t bit) {
    return sink_bit(out, chance_of_one, bit);
}

static inline int sink_next(sink *out) {
    return wcz_range_full(out);
}

void wcz_mixing_encode_start(wcz_mixing_encoder *encoder, uint8_t *payload, size_t capacity) {
    wcz_range_encode_start(&encoder->out, payload, capacity);
    start_model(&encoder->model);
}

wcz_status wcz_mixing_encode_array(wcz_mixing_encoder *encoder, const wcz_view *view, void *scratch,
                                   size_t scratch_size_, const int32_t *values, size_t count) {
    if (count && (scratch_size(view) == 0 || scratch_size_ < scratch_size(view))) {
        return WCZ_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i] == INT32_MIN) {
            return WCZ_SYMBOL;
        }
    }
    sink out = encoder->out;
    wcz_status status = code_array(&encoder->model, &out, view, scratch, values, count);
    encoder->out = out;
    return status == WCZ_TRUNCATED ? WCZ_CAPACITY : status;
}

wcz_status wcz_mixing_encode_end(wcz_mixing_encoder *encoder, size_t *written) {
    return wcz_range_encode_end(&encoder->out, written);
}
