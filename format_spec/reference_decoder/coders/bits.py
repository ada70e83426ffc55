"""Bit streams (section 1.1)."""

from __future__ import annotations

from ..errors import PAYLOAD, require


class Bits:
    """Bits of a payload, least significant bit of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def bits(self, count: int) -> int:
        require(self.position + count <= 8 * len(self.data), PAYLOAD, "the payload ends too early")
        value = 0
        for i in range(count):
            at = self.position + i
            value |= (self.data[at // 8] >> at % 8 & 1) << i
        self.position += count
        return value

    def unary(self, most: int) -> int:
        zeros = 0
        while not self.bits(1):
            zeros += 1
            require(zeros <= most, PAYLOAD, "a code that no encoder writes")
        return zeros

    def count(self, code: int) -> int:
        """A number from 0: Elias gamma of the number plus one where `code` is -1, else Rice with `code` low bits."""
        if code < 0:
            low_bits = self.unary(30)
            return (1 << low_bits | self.bits(low_bits)) - 1
        prefix = self.unary(2**31 - 1)
        return prefix << code | self.bits(code)

    def skip_padding(self) -> None:
        require(self.bits(-self.position % 8) == 0, PAYLOAD, "padding bits are zero")
