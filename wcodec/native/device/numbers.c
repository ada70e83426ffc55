/* Elements of every dtype, symbols and steps (registry.md, quantization.md), without a library for floats. */
#include "device.h"

typedef union {
    float value;
    uint32_t bits;
} float_bits;

typedef union {
    double value;
    uint64_t bits;
} double_bits;

static const uint8_t NBYTES[WCZ_DTYPES] = {4, 2, 2, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 1};

unsigned wcz_dtype_nbytes(unsigned dtype) {
    return NBYTES[dtype];
}

int wcz_dtype_is_float(unsigned dtype) {
    return dtype <= WCZ_FLOAT64 || dtype >= WCZ_FLOAT8_E4M3FN;
}

int wcz_fits(int32_t value, unsigned dtype) {
    switch (dtype) {
        case WCZ_INT8: return value >= INT8_MIN && value <= INT8_MAX;
        case WCZ_INT16: return value >= INT16_MIN && value <= INT16_MAX;
        case WCZ_UINT8: return value >= 0 && value <= 255;
        case WCZ_UINT16: return value >= 0 && value <= 65535;
        case WCZ_UINT32: case WCZ_UINT64: return value >= 0;
        case WCZ_BOOL: return value == 0 || value == 1;
        default: return value > INT32_MIN;
    }
}

/* TABLE[k mod 16] 2^(k div 16 - 20): the bits of the mantissa, and an exponent within that of normal numbers. */
float wcz_step(int32_t code) {
    static const uint32_t MANTISSA[16] = {0x000000, 0x05AAC3, 0x0B95C2, 0x11C3D3, 0x1837F0, 0x1EF532, 0x25FED7, 0x2D583F,
                                          0x3504F3, 0x3D08A4, 0x45672A, 0x4E248C, 0x5744FD, 0x60CCDF, 0x6AC0C7, 0x75257D};
    uint32_t above = (uint32_t)(code + 1680);      /* 0 .. 3535; -1680 is a multiple of 16 */
    float_bits step;
    step.bits = (above / 16 + 127 - 105 - 20) << 23 | MANTISSA[above % 16];
    return step.value;
}

/* -- small floats: sign, `exponent` bits, `mantissa` bits ------------------------------------------------------------- */

typedef struct {
    uint8_t dtype, exponent, mantissa;
    uint8_t infinite;       /* whether the highest exponent is kept for infinity and NaN */
} layout;

static const layout *layout_of(unsigned dtype) {
    static const layout LAYOUTS[] = {
        {WCZ_FLOAT16, 5, 10, 1}, {WCZ_BFLOAT16, 8, 7, 1}, {WCZ_FLOAT8_E4M3FN, 4, 3, 0}, {WCZ_FLOAT8_E5M2, 5, 2, 1}};
    const layout *found = LAYOUTS;
    while (found->dtype != dtype) {
        found++;
    }
    return found;
}

/* 2^exponent, a normal double. */
static double power_of_two(int exponent) {
    double_bits power;
    power.bits = (uint64_t)(exponent + 1023) << 52;
    return power.value;
}

static double widened(uint32_t bits, const layout *of) {
    uint32_t mantissa = bits & ((1u << of->mantissa) - 1), all = (1u << of->exponent) - 1;
    uint32_t exponent = bits >> of->mantissa & all;
    int bias = (int)(all >> 1), negative = (int)(bits >> (of->exponent + of->mantissa) & 1);
    double_bits result;
    if (exponent == all && (of->infinite || mantissa == (1u << of->mantissa) - 1)) {
        result.bits = (uint64_t)0x7FF << 52 | (uint64_t)mantissa << (52 - of->mantissa);
    } else if (exponent) {
        result.value = (double)(mantissa | 1u << of->mantissa) * power_of_two((int)exponent - bias - of->mantissa);
    } else {
        result.value = (double)mantissa * power_of_two(1 - bias - of->mantissa);
    }
    result.bits |= (uint64_t)negative << 63;
    return result.value;
}

/* To nearest, ties to even; what is beyond the largest number becomes infinity, or NaN where there is none. */
static uint32_t narrowed(double value, const layout *of) {
    double_bits in;
    in.value = value;
    const uint32_t all = (1u << of->exponent) - 1, sign = (uint32_t)(in.bits >> 63) << (of->exponent + of->mantissa);
    const uint32_t over = of->infinite ? all << of->mantissa : (all << of->mantissa) | ((1u << of->mantissa) - 1);
    const int bias = (int)(all >> 1);
    uint64_t mantissa = in.bits & (((uint64_t)1 << 52) - 1);
    int exponent = (int)(in.bits >> 52 & 0x7FF) - 1023;
    if (exponent == 1024 && mantissa) {
        return sign | over | (of->infinite ? 1u << (of->mantissa - 1) : 0);
    }
    if (exponent < 1 - bias - of->mantissa - 1) {
        return sign;      /* below half of the least number, subnormal doubles too */
    }
    if (exponent > bias + 1) {
        return sign | over;
    }
    /* Units of the last place that is kept: 2^(max(exponent, 1 - bias) - mantissa bits). */
    unsigned drop = 52u - of->mantissa + (exponent < 1 - bias ? (unsigned)(1 - bias - exponent) : 0);
    uint64_t full = mantissa | (uint64_t)1 << 52, half = (uint64_t)1 << (drop - 1);
    uint64_t units = full >> drop, rest = full & ((half << 1) - 1);
    units += rest > half || (rest == half && (units & 1));
    /* A carry out of the mantissa raises the exponent by itself. */
    uint64_t bits = exponent < 1 - bias ? units : units + ((uint64_t)(exponent + bias - 1) << of->mantissa);
    return sign | (bits >= over ? over : (uint32_t)bits);
}

/* -- elements of any dtype -------------------------------------------------------------------------------------------- */

double wcz_load(const void *data, unsigned dtype, size_t index) {
    switch (dtype) {
        case WCZ_FLOAT32: return (double)((const float *)data)[index];
        case WCZ_FLOAT64: return ((const double *)data)[index];
        case WCZ_FLOAT16: case WCZ_BFLOAT16: return widened(((const uint16_t *)data)[index], layout_of(dtype));
        case WCZ_FLOAT8_E4M3FN: case WCZ_FLOAT8_E5M2: return widened(((const uint8_t *)data)[index], layout_of(dtype));
        case WCZ_UINT64: return (double)((const uint64_t *)data)[index];
        default: return (double)wcz_load_integer(data, dtype, index);
    }
}

int64_t wcz_load_integer(const void *data, unsigned dtype, size_t index) {
    switch (dtype) {
        case WCZ_INT8: return ((const int8_t *)data)[index];
        case WCZ_INT16: return ((const int16_t *)data)[index];
        case WCZ_INT32: return ((const int32_t *)data)[index];
        case WCZ_UINT16: return ((const uint16_t *)data)[index];
        case WCZ_UINT32: return ((const uint32_t *)data)[index];
        case WCZ_INT64: case WCZ_UINT64: return ((const int64_t *)data)[index];
        default: return ((const uint8_t *)data)[index];
    }
}

void wcz_store(void *data, unsigned dtype, size_t index, double value) {
    switch (dtype) {
        case WCZ_FLOAT32: ((float *)data)[index] = (float)value; break;
        case WCZ_FLOAT64: ((double *)data)[index] = value; break;
        case WCZ_FLOAT16: ((uint16_t *)data)[index] = (uint16_t)narrowed(value, layout_of(dtype)); break;
        case WCZ_BFLOAT16: ((uint16_t *)data)[index] = (uint16_t)narrowed((double)(float)value, layout_of(dtype)); break;
        default: ((uint8_t *)data)[index] = (uint8_t)narrowed((double)(float)value, layout_of(dtype));
    }
}

void wcz_store_integer(void *data, unsigned dtype, size_t index, int64_t value) {
    switch (wcz_dtype_nbytes(dtype)) {
        case 1: ((uint8_t *)data)[index] = (uint8_t)value; break;
        case 2: ((uint16_t *)data)[index] = (uint16_t)value; break;
        case 4: ((uint32_t *)data)[index] = (uint32_t)value; break;
        default: ((uint64_t *)data)[index] = (uint64_t)value;
    }
}
