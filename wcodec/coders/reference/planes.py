"""Planes of bytes in static order-0 rANS (format_spec/coders.md, float_planes).

J. Duda, "Asymmetric numeral systems" (arXiv:0902.0271, 1311.2540). Four lanes take the symbols in turn.
"""

from __future__ import annotations

import itertools

import numpy as np

from ...errors import PayloadError
from .bits import BitReader, BitWriter

BLOCK = 65536
TOTAL_BITS = 12
TOTAL = 1 << TOTAL_BITS
LANES = 4
LEAST_STATE = 1 << 16
RAW, CONSTANT, RANS = 0, 1, 2
MAX_FREQUENCY_ZEROS = 12


def plane_encode(plane: np.ndarray) -> bytes:
    """uint8 plane (n,) to its blocks, each in the smallest of three forms."""
    return b"".join(_encode_block(plane[i : i + BLOCK]) for i in range(0, len(plane), BLOCK))


def plane_decode(payload: bytes | memoryview, out: np.ndarray) -> int:
    """Fill uint8 `out` (n,) from the start of `payload`; the number of bytes read."""
    rest = memoryview(payload)
    for i in range(0, len(out), BLOCK):
        rest = rest[_decode_block(rest, out[i : i + BLOCK]) :]
    return len(payload) - len(rest)


def _encode_block(plane: np.ndarray) -> bytes:
    counts = np.bincount(plane, minlength=256).tolist()
    present = [symbol for symbol in range(256) if counts[symbol]]
    if len(present) == 1:
        return bytes([CONSTANT, present[0]])
    frequencies = _normalised(counts, len(plane))
    coded = bytes([RANS]) + _table(frequencies, present[0], present[-1]) + _lanes(plane.tolist(), frequencies)
    raw = bytes([RAW]) + plane.tobytes()
    return coded if len(coded) <= len(plane) else raw


def _decode_block(payload: memoryview, out: np.ndarray) -> int:
    form = _take(payload, 0, 1)[0]
    if form == RAW:
        out[:] = np.frombuffer(_take(payload, 1, len(out)), np.uint8)
        return 1 + len(out)
    if form == CONSTANT:
        out[:] = _take(payload, 1, 1)[0]
        return 2
    if form == RANS:
        return _decode_lanes(payload, out)
    raise PayloadError("payload holds a code that no encoder writes")


def _normalised(counts: list[int], count: int) -> list[int]:
    """Counts to frequencies that add up to TOTAL, at least one where a symbol occurs.

    What rounding leaves over goes to, or comes from, the most frequent symbol, the lowest one among equals.
    """
    frequencies = [max((c * TOTAL + count // 2) // count, int(c > 0)) for c in counts]
    while (surplus := sum(frequencies) - TOTAL) != 0:
        most = frequencies.index(max(frequencies))
        frequencies[most] -= min(surplus, 1)
    return frequencies


def _table(frequencies: list[int], first: int, last: int) -> bytes:
    """First and last symbol, then Elias gamma of each frequency plus one."""
    bits = BitWriter()
    for frequency in frequencies[first : last + 1]:
        low_bits = (frequency + 1).bit_length() - 1
        bits.unary(low_bits)
        bits.bits(frequency + 1, low_bits)
    return bytes([first, last]) + bits.tobytes()


def _read_table(payload: memoryview) -> tuple[list[tuple[int, int, int]], int]:
    """TOTAL slots (symbol, frequency, distance from its first slot), and the bytes read."""
    first, last = _take(payload, 0, 2)
    bits = BitReader(payload[2:])
    slots: list[tuple[int, int, int]] = []
    for symbol in range(first, last + 1):
        low_bits = bits.unary(MAX_FREQUENCY_ZEROS)
        frequency = (1 << low_bits | bits.bits(low_bits)) - 1
        must_occur = symbol in (first, last)
        if frequency > TOTAL - len(slots) or frequency == TOTAL or (must_occur and frequency == 0):
            raise PayloadError("payload holds a code that no encoder writes")
        slots += [(symbol, frequency, distance) for distance in range(frequency)]
    if len(slots) != TOTAL:
        raise PayloadError("payload holds a code that no encoder writes")
    return slots, 2 + bits.end()


def _lanes(symbols: list[int], frequencies: list[int]) -> bytes:
    """The final states, then the words that the decoder takes, in its order: the encoder runs backwards."""
    starts = [0, *itertools.accumulate(frequencies)]
    states = [LEAST_STATE] * LANES
    words: list[bytes] = []
    for i in reversed(range(len(symbols))):
        state, frequency = states[i % LANES], frequencies[symbols[i]]
        if state >> 20 >= frequency:
            words.append((state & 0xFFFF).to_bytes(2, "little"))
            state >>= 16
        states[i % LANES] = (state // frequency << TOTAL_BITS) + starts[symbols[i]] + state % frequency
    return b"".join([state.to_bytes(4, "little") for state in states] + words[::-1])


def _decode_lanes(payload: memoryview, out: np.ndarray) -> int:
    slots, table_size = _read_table(payload[1:])
    position = 1 + table_size
    states = [int.from_bytes(_take(payload, position + 4 * lane, 4), "little") for lane in range(LANES)]
    position += 4 * LANES
    if min(states) < LEAST_STATE:
        raise PayloadError("payload holds a code that no encoder writes")
    for i in range(len(out)):
        state = states[i % LANES]
        symbol, frequency, distance = slots[state % TOTAL]
        state = frequency * (state >> TOTAL_BITS) + distance
        if state < LEAST_STATE:
            state = state << 16 | int.from_bytes(_take(payload, position, 2), "little")
            position += 2
        out[i], states[i % LANES] = symbol, state
    if states != [LEAST_STATE] * LANES:
        raise PayloadError("payload holds a code that no encoder writes")
    return position


def _take(payload: memoryview, start: int, count: int) -> memoryview:
    if start + count > len(payload):
        raise PayloadError("payload ends before its last symbol")
    return payload[start : start + count]
