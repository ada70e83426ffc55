"""Bit streams, least significant bit first: bit i of the stream is bit i % 8 of byte i // 8."""

from __future__ import annotations

import numpy as np

from ...errors import PayloadError


class BitReader:
    """Reads bits from the start of a payload."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self._bits = np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="little")
        self._next = 0

    def bits(self, count: int) -> int:
        """The next `count` bits, the first one lowest."""
        if self._next + count > len(self._bits):
            raise PayloadError("payload ends before its last symbol")
        value = sum(int(bit) << i for i, bit in enumerate(self._bits[self._next : self._next + count]))
        self._next += count
        return value

    def unary(self, limit: int) -> int:
        """The number of zero bits before the next one bit, which is read too."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > limit:
                raise PayloadError("payload holds a code that no encoder writes")
        return zeros

    def end(self) -> int:
        """Whole bytes read so far; the padding bits of the last one must be zero."""
        consumed = -(-self._next // 8)
        if self._bits[self._next : 8 * consumed].any():
            raise PayloadError("payload holds a code that no encoder writes")
        return consumed


class BitWriter:
    """Collects bits; the last byte is padded with zeros."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def bits(self, value: int, count: int) -> None:
        """The `count` low bits of `value`, lowest first."""
        self._bits.extend((value >> i) & 1 for i in range(count))

    def unary(self, zeros: int) -> None:
        """`zeros` zero bits and a one."""
        self._bits.extend([0] * zeros)
        self._bits.append(1)

    def tobytes(self) -> bytes:
        """Everything written so far."""
        return np.packbits(np.array(self._bits, np.uint8), bitorder="little").tobytes()
