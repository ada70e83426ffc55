"""float_planes (section 5)."""

from __future__ import annotations

import math
from itertools import accumulate, groupby

import numpy as np

from ..conventions import Bytes
from ..elements import DTYPES, FLOATS
from ..errors import PAYLOAD, require
from .bits import Bits


def decode(payload: bytes, specs: list) -> list[np.ndarray]:
    """Section 5: neighbouring arrays of one dtype are one sequence of words."""
    source, arrays = Bytes(payload, PAYLOAD), []
    for dtype, run in groupby(specs, key=lambda spec: spec[1]):
        shapes = [shape for shape, _ in run]
        sizes = [math.prod(shape) for shape in shapes]
        blocks = [np.empty(0, DTYPES[dtype])]
        for start in range(0, sum(sizes), 65536):
            count = min(65536, sum(sizes) - start)
            planes = [read_plane(source, count) for _ in range(DTYPES[dtype].itemsize)]
            blocks.append(from_words(planes, count, DTYPES[dtype]))
        elements = np.concatenate(blocks)
        ends = list(accumulate(sizes))
        arrays += [
            elements[end - size : end].reshape(shape) for shape, size, end in zip(shapes, sizes, ends, strict=True)
        ]
    require(not source.left(), PAYLOAD, "bytes follow the last array")
    return arrays


def from_words(planes: list[bytes], count: int, dtype: np.dtype) -> np.ndarray:
    """The elements whose words have these bytes, highest plane first."""
    unsigned, bits = np.dtype(f"u{dtype.itemsize}"), 8 * dtype.itemsize
    words = np.zeros(count, np.uint64)
    for plane in planes:
        words = words << np.uint64(8) | np.frombuffer(plane, np.uint8).astype(np.uint64)
    lowest, rest = words & np.uint64(1), words >> np.uint64(1)
    if bits > 8 and DTYPES.index(dtype) in FLOATS:
        words = rest | lowest << np.uint64(bits - 1)
    elif bits > 8 and dtype.kind == "i":
        words = np.where(lowest == 1, ~rest, rest)
    elif dtype.kind == "b":
        require((words <= 1).all(), PAYLOAD, "a bool is neither 0 nor 1")
    return words.astype(unsigned).view(dtype)


def read_plane(source: Bytes, count: int) -> bytes:
    """The bytes of equal significance of a block of `count` words."""
    form = source.byte()
    require(form <= 2, PAYLOAD, "an unknown form of a plane")
    if form == 0:
        return source.take(count)
    return source.take(1) * count if form == 1 else read_rans(source, count)


def read_rans(source: Bytes, count: int) -> bytes:
    """Section 5.1."""
    first, last = source.byte(), source.byte()
    require(first < last, PAYLOAD, "a table of fewer than two values")
    bits, frequencies = Bits(source.data[source.position :]), {}
    for value in range(first, last + 1):
        low_bits = bits.unary(12)
        frequencies[value] = (1 << low_bits | bits.bits(low_bits)) - 1
    bits.skip_padding()
    source.take(bits.position // 8)
    ends = dict(zip(frequencies, accumulate(frequencies.values()), strict=True))
    sound = ends[last] == 4096 and frequencies[first] > 0 and frequencies[last] > 0 and max(frequencies.values()) < 4096
    require(sound, PAYLOAD, "frequencies that no encoder writes")
    slots = [value for value, frequency in frequencies.items() for _ in range(frequency)]
    lanes = 32 if count >= 32768 else 4
    states = [int.from_bytes(source.take(4), "little") for _ in range(lanes)]
    require(all(state >= 2**16 for state in states), PAYLOAD, "a state below 2**16")
    plane = bytearray()
    for i in range(count):
        x = states[i % lanes]
        slot = x % 4096
        value = slots[slot]
        x = frequencies[value] * (x // 4096) + slot - (ends[value] - frequencies[value])
        if x < 2**16:
            x = x << 16 | int.from_bytes(source.take(2), "little")
        states[i % lanes] = x
        plane.append(value)
    require(states == [2**16] * lanes, PAYLOAD, "the states do not end where the encoder starts")
    return bytes(plane)
