"""Adaptive binary range coding of integers (format_spec/coders.md, adaptive integers).

G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979).
"""

from __future__ import annotations

import numpy as np

from ...errors import PayloadError

COUNT_LIMIT = 127
MAX_EXPONENT = 31
MAX_VALUE = 2**31 - 1
EVEN = 0x8000
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


class RangeDecoder:
    """Reads bits and integers; bytes past the end are zero."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = bytes(data)
        self._next = 0
        self._code = 0
        self._range = 0xFFFFFFFF
        for _ in range(4):
            self._shift()

    @property
    def at_end(self) -> bool:
        """Whether the string is the one that an encoder of the same bits writes."""
        window = int.from_bytes((self._data + b"\0\0\0\0")[self._next - 4 : self._next].ljust(4, b"\0"), "big")
        low = (window - self._code) & 0xFFFFFFFF
        whole = self._next >= len(self._data) and not self._data.endswith(b"\0")
        return whole and self._code == _tail(low, self._range)

    def bit(self, p: int) -> int:
        """A bit that is one with probability p / 2**16."""
        bound = (self._range >> 16) * p
        bit = int(self._code < bound)
        if bit:
            self._range = bound
        else:
            self._code -= bound
            self._range -= bound
        while self._range < 1 << 24:
            self._range <<= 8
            self._shift()
        return bit

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
                value = value << 1 | self.bit(EVEN)
        return value

    def integer(self, model: IntegerModel) -> int:
        """|value| < 2**31."""
        magnitude = self.magnitude(model)
        if magnitude > MAX_VALUE:
            raise PayloadError("payload holds a code that no encoder writes")
        return -magnitude if magnitude and self.adaptive(model.negative) else magnitude

    def _shift(self) -> None:
        byte = self._data[self._next] if self._next < len(self._data) else 0
        self._code = (self._code << 8 | byte) & 0xFFFFFFFF
        self._next += 1


class RangeEncoder:
    """Writes bits and integers. `_low` is exact: a Python integer has room for every carry."""

    def __init__(self) -> None:
        self._low = 0
        self._shifted = 0  # bytes that have left the window of 32 bits
        self._range = 0xFFFFFFFF

    def bit(self, p: int, bit: int) -> None:
        """A bit that is one with probability p / 2**16."""
        bound = (self._range >> 16) * p
        if bit:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        while self._range < 1 << 24:
            self._low <<= 8
            self._range <<= 8
            self._shifted += 1

    def adaptive(self, model: BitModel, bit: int) -> None:
        """A bit under a model, which learns it."""
        self.bit(model.probability, bit)
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
                self.bit(EVEN, bit)
        if has_sign:
            self.adaptive(model.negative, int(value < 0))

    def tobytes(self) -> bytes:
        """The fewest bytes whose value, zeros appended, lies in the range."""
        value = self._low + _tail(self._low, self._range)
        return value.to_bytes(self._shifted + 4, "big").rstrip(b"\0")


def _tail(low: int, width: int) -> int:
    """From `low` to the value in low .. low + width - 1 with the most zero bytes at its end, the least such value."""
    for count in range(1, 4):
        rest = -low % (1 << (32 - 8 * count))
        if rest < width:
            return rest
    return 0


def adaptive_encode(models: np.ndarray, values: np.ndarray) -> bytes:
    """Integers (n,) under the models with the given numbers (n,) as one string."""
    if len(models) != len(values):
        raise ValueError("a model for each value")
    if (models >= MODELS).any() or (values < -MAX_VALUE).any():
        raise ValueError("kernel parameter outside its range")
    states = [IntegerModel() for _ in range(MODELS)]
    out = RangeEncoder()
    for model, value in zip(models.tolist(), values.tolist(), strict=True):
        out.integer(states[model], value, model >= FIRST_SIGNED)
    return out.tobytes()
