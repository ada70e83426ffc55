/* Decoder of round messages (messages.md, temporal coder). */
#include "range_coder.h"

typedef wcz_range_decoder sink;
#define SYMBOLS int32_t
#define SYMBOL_AT(symbols, i) 0
#define KNOWN_AT(symbols, i) ((symbols)[i])
#define STORE_SYMBOL(symbols, i, value) ((symbols)[i] = (value))

static inline uint32_t sink_bit(sink *in, uint32_t chance_of_one, uint32_t bit);
static inline int sink_full(const sink *in);

#include "temporal_walk.h"

static inline uint32_t sink_bit(sink *in, uint32_t chance_of_one, uint32_t bit) {
    (void)bit;
    return wcz_range_decode_bit(in, chance_of_one);
}

static inline int sink_full(const sink *in) {
    return wcz_range_exhausted(in);
}

size_t wcz_temporal_scratch(size_t columns) {
    return 2 * columns;
}

void wcz_temporal_decode_start(wcz_temporal_decoder *decoder, const uint8_t *payload, size_t size) {
    wcz_range_decode_start(&decoder->in, payload, size);
    start_model(&decoder->model);
}

wcz_status wcz_temporal_decode_tensor(wcz_temporal_decoder *decoder, const wcz_temporal_tensor *tensor,
                                      uint32_t *scratch, size_t scratch_words, int32_t *values) {
    if (!is_sound(tensor, scratch_words)) {
        return WCZ_ARGUMENT;
    }
    sink in = decoder->in;
    wcz_status status = code_tensor(&decoder->model, &in, tensor, scratch, values);
    decoder->in = in;
    return status;
}

wcz_status wcz_temporal_decode_end(const wcz_temporal_decoder *decoder) {
    return wcz_range_decode_end(&decoder->in);
}
