"""Binary range coder (format_spec/coders.md, range coder): 32-bit interval, renormalised by 16 bits.

G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979).
Probabilities of a one are in units of 2**-16.
"""

from __future__ import annotations

from ...errors import PayloadError

EVEN_CHANCE = 1 << 15
LEAST_RANGE = 1 << 16
MAX_STRIPPED = 4  # trailing zero bytes that the encoder leaves out
MASK = 2**32 - 1


def tail(low: int, range_: int) -> tuple[int, int]:
    """Bytes behind the last renormalisation, and how far the number that they stand for is above `low`.

    The fewest bytes that reach low .. low + range - 1; two always do, because range >= 2**16.
    """
    for nbytes in (0, 1):
        distance = -low % (1 << 32 - 8 * nbytes)
        if distance < range_:
            return nbytes, distance
    return 2, -low % (1 << 16)


class RangeEncoder:
    """Narrows low .. low + range - 1 bit by bit; carries go back into the bytes already written."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._low = 0
        self._range = MASK

    def bit(self, bit: int, chance_of_one: int) -> None:
        """Code one bit: the zero's part of the interval is the lower one."""
        split = self._range * (65536 - chance_of_one) >> 16
        if bit:
            self._advance(split)
            self._range -= split
        else:
            self._range = split
        if self._range < LEAST_RANGE:
            self._range <<= 16
            self._put(2)

    def finish(self) -> bytes:
        """The shortest end, less up to MAX_STRIPPED zero bytes."""
        nbytes, distance = tail(self._low, self._range)
        self._advance(distance)
        self._put(nbytes)
        for _ in range(MAX_STRIPPED):
            if self._written.endswith(b"\0"):
                self._written.pop()
        return bytes(self._written)

    def _advance(self, distance: int) -> None:
        self._low += distance
        if self._low > MASK:
            self._low &= MASK
            last = len(self._written) - 1
            while self._written[last] == 255:
                self._written[last] = 0
                last -= 1
            self._written[last] += 1

    def _put(self, nbytes: int) -> None:
        for _ in range(nbytes):
            self._written.append(self._low >> 24)
            self._low = self._low << 8 & MASK


class RangeDecoder:
    """Follows the encoder; past its end the payload goes on with zeros."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self._payload = bytes(payload)
        self._next = 0
        self._range = MASK
        self._code = self._take(4)

    def bit(self, chance_of_one: int) -> int:
        """The next bit."""
        split = self._range * (65536 - chance_of_one) >> 16
        if self._code >= split:
            bit = 1
            self._code -= split
            self._range -= split
        else:
            bit = 0
            self._range = split
        if self._range < LEAST_RANGE:
            self._range <<= 16
            self._code = (self._code << 16 | self._take(2)) & MASK
        return bit

    def check_room(self) -> None:
        """Stop early where the payload has ended long ago."""
        if self._next > len(self._payload) + 4 + MAX_STRIPPED:
            raise PayloadError("payload ends before its last symbol")

    def finish(self) -> None:
        """Accept exactly the bytes that the encoder writes for the bits decoded."""
        window = int.from_bytes(self._payload[self._next - 4 : self._next].ljust(4, b"\0"), "big")
        nbytes, distance = tail((window - self._code) & MASK, self._range)
        stripped = self._next - 4 + nbytes - len(self._payload)
        if stripped < 0:
            raise PayloadError("payload holds more symbols than its arrays")
        if stripped > MAX_STRIPPED:
            raise PayloadError("payload ends before its last symbol")
        could_be_shorter = stripped < MAX_STRIPPED and self._payload.endswith(b"\0")
        # The first interval ends one number early: what starts with four bytes of 255 lies outside.
        if could_be_shorter or self._code != distance or self._payload.startswith(b"\xff\xff\xff\xff"):
            raise PayloadError("payload holds a code that no encoder writes")

    def _take(self, nbytes: int) -> int:
        taken = self._payload[self._next : self._next + nbytes].ljust(nbytes, b"\0")
        self._next += nbytes
        return int.from_bytes(taken, "big")
