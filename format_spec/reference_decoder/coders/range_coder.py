"""The range coder (section 4.1)."""

from __future__ import annotations

from ..errors import PAYLOAD, require


class RangeDecoder:
    """Section 4.1: bits whose chances of a one are given, in units of 2**-16."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.taken = payload, 0
        self.range, self.code, self.window = 2**32 - 1, 0, 0
        self.shift()
        self.shift()

    def shift(self) -> None:
        """Take two more bytes of the payload; behind its end it goes on with zeros."""
        require(self.taken <= len(self.payload) + 8, PAYLOAD, "the payload ends long before its last symbol")
        two = int.from_bytes(self.payload[self.taken : self.taken + 2].ljust(2, b"\0"), "big")
        self.taken += 2
        self.code = self.code << 16 | two
        self.window = (self.window << 16 | two) % 2**32

    def bit(self, chance: int) -> int:
        split = self.range * (65536 - chance) >> 16
        bit = int(self.code >= split)
        if bit:
            self.code -= split
            self.range -= split
        else:
            self.range = split
        if self.range < 2**16:
            self.range <<= 16
            self.shift()
        return bit

    def finish(self) -> None:
        """Refuse every payload but the one that the encoder writes."""
        low = (self.window - self.code) % 2**32
        multiples = [-(-low // unit) * unit for unit in (2**32, 2**24, 2**16)]
        nbytes, value = next((n, v) for n, v in enumerate(multiples) if v < low + self.range)
        full, size = self.taken - 4 + nbytes, len(self.payload)
        sound = self.code == value - low and full - 4 <= size <= full and self.payload[:4] != bytes([255] * 4)
        trimmed = size == 0 or size == full - 4 or self.payload[-1] != 0
        require(sound and trimmed, PAYLOAD, "a payload that no encoder writes")
