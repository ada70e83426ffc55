"""Integers as adaptive bits of a range coder (format_spec/coders.md, rans, 7.1)."""

from __future__ import annotations

import numpy as np

from ...errors import PayloadError
from .range_coder import EVEN_CHANCE, RangeDecoder, RangeEncoder

COUNT_LIMIT = 127
MAX_EXPONENT = 31
MAX_VALUE = 2**31 - 1
MODELS = 37
FIRST_SIGNED = 7


class BitModel:
    """A probability of a one, p / 2**16, that moves by 1 / (n + 1.5) of its error after its n-th bit."""

    def __init__(self) -> None:
        self.p = 0x8000
        self.n = 0

    @property
    def probability(self) -> int:
        """What the range coder uses: never 0 or 1."""
        return min(max(self.p, 64), 65472)

    def adapt(self, bit: int) -> None:
        """Learn one bit."""
        rate = 131072 // (2 * self.n + 3)
        if bit:
            self.p += ((65535 - self.p) * rate) >> 16
        else:
            self.p -= (self.p * rate) >> 16
        self.n = min(self.n + 1, COUNT_LIMIT)


class IntegerModel:
    """The bits of an integer as in Elias gamma: zero?, exponent in unary, two adaptive mantissa bits, sign."""

    def __init__(self) -> None:
        self.zero = BitModel()
        self.negative = BitModel()
        self.more = [BitModel() for _ in range(MAX_EXPONENT)]
        self.mantissa = [[BitModel() for _ in range(3)] for _ in range(MAX_EXPONENT + 1)]


class IntegerDecoder(RangeDecoder):
    """Reads integers."""

    def adaptive(self, model: BitModel) -> int:
        """A bit under a model, which learns it."""
        bit = self.bit(model.probability)
        model.adapt(bit)
        return bit

    def magnitude(self, model: IntegerModel) -> int:
        """0 <= value < 2**32."""
        if not self.adaptive(model.zero):
            return 0
        exponent = 0
        while exponent < MAX_EXPONENT and self.adaptive(model.more[exponent]):
            exponent += 1
        value = 1
        for i in range(exponent):
            if i < 2:
                value = value << 1 | self.adaptive(model.mantissa[exponent][1 + (value & 1) if i else 0])
            else:
                value = value << 1 | self.bit(EVEN_CHANCE)
        return value

    def integer(self, model: IntegerModel) -> int:
        """|value| < 2**31."""
        magnitude = self.magnitude(model)
        if magnitude > MAX_VALUE:
            raise PayloadError("payload holds a code that no encoder writes")
        return -magnitude if magnitude and self.adaptive(model.negative) else magnitude


class IntegerEncoder(RangeEncoder):
    """Writes integers."""

    def adaptive(self, model: BitModel, bit: int) -> None:
        """A bit under a model, which learns it."""
        self.bit(bit, model.probability)
        model.adapt(bit)

    def integer(self, model: IntegerModel, value: int, has_sign: bool) -> None:
        """|value| < 2**31; without a sign, value >= 0."""
        magnitude = abs(value)
        self.adaptive(model.zero, int(magnitude > 0))
        if not magnitude:
            return
        exponent = magnitude.bit_length() - 1
        for i in range(exponent):
            self.adaptive(model.more[i], 1)
        self.adaptive(model.more[exponent], 0)
        first = magnitude >> (exponent - 1) & 1 if exponent else 0
        for i in range(exponent):
            bit = magnitude >> (exponent - 1 - i) & 1
            if i < 2:
                self.adaptive(model.mantissa[exponent][1 + first if i else 0], bit)
            else:
                self.bit(bit, EVEN_CHANCE)
        if has_sign:
            self.adaptive(model.negative, int(value < 0))


def adaptive_encode(models: np.ndarray, values: np.ndarray) -> bytes:
    """Integers (n,) under the models with the given numbers (n,) as one string."""
    if len(models) != len(values):
        raise ValueError("a model for each value")
    if (models >= MODELS).any() or (values < -MAX_VALUE).any():
        raise ValueError("kernel parameter outside its range")
    states = [IntegerModel() for _ in range(MODELS)]
    out = IntegerEncoder()
    for model, value in zip(models.tolist(), values.tolist(), strict=True):
        out.integer(states[model], value, model >= FIRST_SIGNED)
    return out.finish()
