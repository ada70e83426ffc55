/* Decoder of the mixing coder (coders.md, mixing). */
#include "range_coder.h"

typedef wcz_range_decoder sink;
#define SYMBOLS int32_t
#define SYMBOL_AT(symbols, i) 0
#define STORE_SYMBOL(symbols, i, value) ((symbols)[i] = (value))

static inline uint32_t sink_bit(sink *in, uint32_t chance_of_one, uint32_t bit);
static inline uint32_t sink_branch(sink *in, uint32_t chance_of_one, uint32_t bit);
static inline int sink_next(sink *in);

#include "mixing_walk.h"

static inline uint32_t sink_bit(sink *in, uint32_t chance_of_one, uint32_t bit) {
    (void)bit;
    return wcz_range_decode_bit(in, chance_of_one);
}

static inline uint32_t sink_branch(sink *in, uint32_t chance_of_one, uint32_t bit) {
    (void)bit;
    return wcz_range_decode_branch(in, chance_of_one);
}

static inline int sink_next(sink *in) {
    return wcz_range_exhausted(in);
}

size_t wcz_mixing_scratch(const wcz_view *view) {
    return scratch_size(view);
}

/* Until the payload is 4 + 4 bytes past its end, 8 * size + 48 bits shrink the interval from 2^32 to 2^16, and the
 * first decision of a symbol leaves at most 1 - 21/65536 of it: its chance is 22/65536 and rounding takes one part. */
uint64_t wcz_mixing_most_symbols(size_t size) {
    return 2164 * (8 * (uint64_t)(size < SIZE_MAX / 65536 ? size : SIZE_MAX / 65536) + 112);
}

void wcz_mixing_decode_start(wcz_mixing_decoder *decoder, const uint8_t *payload, size_t size) {
    wcz_range_decode_start(&decoder->in, payload, size);
    start_model(&decoder->model);
}

wcz_status wcz_mixing_decode_array(wcz_mixing_decoder *decoder, const wcz_view *view, void *scratch,
                                   size_t scratch_size_, int32_t *values, size_t count) {
    if (count && (scratch_size(view) == 0 || scratch_size_ < scratch_size(view))) {
        return WCZ_ARGUMENT;
    }
    sink in = decoder->in;
    wcz_status status = code_array(&decoder->model, &in, view, scratch, values, count);
    decoder->in = in;
    return status;
}

wcz_status wcz_mixing_decode_end(const wcz_mixing_decoder *decoder) {
    return wcz_range_decode_end(&decoder->in);
}
