/* Encoder of round messages (messages.md, temporal coder), and what is remembered of them. */
#include "range_coder.h"

typedef wcz_range_encoder sink;
#define SYMBOLS const int32_t
#define SYMBOL_AT(symbols, i) ((symbols)[i])
#define KNOWN_AT(symbols, i) ((symbols)[i])
#define STORE_SYMBOL(symbols, i, value) ((void)(value))

static inline uint32_t sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit);
static inline int sink_full(const sink *out);

#include "temporal_walk.h"

static inline uint32_t sink_bit(sink *out, uint32_t chance_of_one, uint32_t bit) {
    wcz_range_encode_bit(out, chance_of_one, bit);
    return bit;
}

static inline int sink_full(const sink *out) {
    return wcz_range_full(out);
}

void wcz_temporal_start(wcz_temporal_model *model) {
    start_model(model);
}

void wcz_temporal_encode_start(wcz_temporal_encoder *encoder, uint8_t *payload, size_t capacity) {
    wcz_range_encode_start(&encoder->out, payload, capacity);
    start_model(&encoder->model);
}

wcz_status wcz_temporal_encode_tensor(wcz_temporal_encoder *encoder, const wcz_temporal_tensor *tensor,
                                      uint32_t *scratch, size_t scratch_words, const int32_t *values) {
    if (!is_sound(tensor, scratch_words)) {
        return WCZ_ARGUMENT;
    }
    for (size_t i = 0; i < tensor->rows * tensor->columns; i++) {
        if (values[i] == INT32_MIN) {
            return WCZ_SYMBOL;
        }
    }
    sink out = encoder->out;
    wcz_status status = code_tensor(&encoder->model, &out, tensor, scratch, values);
    encoder->out = out;
    return status == WCZ_TRUNCATED ? WCZ_CAPACITY : status;
}

wcz_status wcz_temporal_encode_end(wcz_temporal_encoder *encoder, size_t *written) {
    return wcz_range_encode_end(&encoder->out, written);
}

/* -- memory ---------------------------------------------------------------------------------------------------------- */

/* A quarter towards `now`; both below 2^20. */
static uint32_t followed(uint32_t mean, uint32_t now) {
    return mean - (mean >> 2) + (now >> 2);
}

/* A magnitude as means count it. */
static uint32_t clipped(int32_t value) {
    uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    return magnitude < CLIPPED ? magnitude : CLIPPED;
}

/* The memory of one weight; the activity stays below 15 * 1024 + 4. */
static uint32_t remember_weight(const wcz_temporal_memory *memory, size_t i, int32_t value) {
    uint32_t magnitude = clipped(value), activity = memory->activity[i];
    memory->activity[i] = (uint16_t)(activity - (activity >> 2) + (magnitude << 8));
    if (value) {
        memory->last[i] = value < 0 ? -1 : 1;
    }
    return magnitude;
}

wcz_status wcz_temporal_remember(const wcz_temporal_memory *memory, size_t rows, size_t columns, uint32_t *scratch,
                                 size_t scratch_words, const int32_t *values) {
    if (!rows || !columns || scratch_words < columns || rows > WCZ_TEMPORAL_ROWS || rows > SIZE_MAX / 16 / columns) {
        return WCZ_ARGUMENT;
    }
    uint64_t total = 0;
    for (size_t column = 0; column < columns; column++) {
        scratch[column] = 0;
    }
    for (size_t row = 0; row < rows; row++) {
        uint64_t sum = 0;
        for (size_t column = 0; column < columns; column++) {
            uint32_t magnitude = remember_weight(memory, row * columns + column, values[row * columns + column]);
            sum += magnitude;
            scratch[column] += magnitude;
        }
        memory->rows[row] = followed(memory->rows[row], (uint32_t)((sum << 16) / columns));
        total += sum;
    }
    for (size_t column = 0; column < columns; column++) {
        memory->columns[column] = followed(memory->columns[column], (uint32_t)(((uint64_t)scratch[column] << 16) / rows));
    }
    *memory->mean = followed(*memory->mean, (uint32_t)((total << 16) / ((uint64_t)rows * columns)));
    return WCZ_OK;
}
