"""context (section 4)."""

from __future__ import annotations

import math

import numpy as np

from ..elements import from_symbols
from ..errors import PAYLOAD, require
from .range_coder import RangeDecoder
from .tables import section, tables_in


def decode(payload: bytes, specs: list) -> list[np.ndarray]:
    coder, sets, arrays = RangeDecoder(payload), initial_contexts(), []
    for shape, _ in specs:
        rank, size = len(shape), math.prod(shape)
        width = shape[-1] if rank >= 3 else 1
        kernel = math.prod(shape[2:]) if rank >= 3 else 1
        row = math.prod(shape[1:]) if rank >= 2 else size
        arrays.append(read_walk(coder, sets[rank >= 2], size, row, kernel, width))
    coder.finish()
    return from_symbols(arrays, specs)


class Probability:
    """Section 4.2: a probability of a one that learns, in units of 2**-22."""

    def __init__(self, number: int) -> None:
        self.p, self.n = number << 14, 4

    def adapt(self, bit: int) -> None:
        rate = (20480 + 10 * self.n + 16) // (20 * self.n + 32)
        other = 2**22 - 1 - self.p if bit else self.p
        other -= other * rate >> 10
        self.p = 2**22 - 1 - other if bit else other
        self.n = min(self.n + 1, 255)


def read_decision(coder: RangeDecoder, *weighted: tuple[int, Probability]) -> int:
    mean = sum(weight * context.p for weight, context in weighted) // sum(weight for weight, _ in weighted)
    bit = coder.bit(min(max(mean >> 6, 4), 65532))
    for _, context in weighted:
        context.adapt(bit)
    return bit


def initial_contexts() -> list[dict[str, list[Probability]]]:
    """The two sets of section 4.6."""
    parts = section("4.6").split(" set, arrays of rank")[1:]
    tables = [tables_in(part) for part in parts]
    return [{name: [Probability(n) for n in numbers] for name, numbers in of_set.items()} for of_set in tables]


def read_walk(coder: RangeDecoder, contexts: dict, size: int, row: int, kernel: int, width: int) -> np.ndarray:
    """Section 4.3: the symbols of one array; `row` and `kernel` are the L and K of the text."""
    v: list[int] = []
    mean, column = 0, [0] * 65536
    for position in range(size):
        j, first_row = position % row, position < row
        y, x = divmod(j % kernel, width)

        def back(distance: int, exists: bool) -> int:
            return v[len(v) - distance] if exists else 0

        if kernel == 1:
            a, b = back(1, j >= 1), back(row, not first_row)
            c, d = back(2, j >= 2), back(row + 1, not first_row and j >= 1)
        else:
            a, b = back(1, x >= 1), back(width, y >= 1)
            c, d = back(kernel, j >= kernel), back(row, not first_row)
        s, t, u = back(1, j >= 1), back(2, j >= 2), b if kernel > 1 else 0
        above = column[(j - kernel) % 65536 if first_row else j % 65536]
        c_mean = mean if first_row and j < kernel else above
        e = 16 * (6 * q(s) + 2 * q(t) + 3 * q(u)) + 3 * (mean + c_mean) // 16
        level = min(27, log2((e + 1) ** 2))
        symbol = read_symbol(coder, contexts, level, (a, b, c, d), 9 * octave(mean) + octave(c_mean))
        column[j % 65536] = advance(c_mean, symbol)
        mean = advance(mean, symbol)
        v.append(symbol)
    return np.array(v, np.int32)


def q(symbol: int) -> int:
    return min(abs(symbol), 31)


def log2(number: int) -> int:
    return number.bit_length() - 1


def octave(mean: int) -> int:
    return min(8, max(0, log2(mean + 1) - 2))


def advance(mean: int, symbol: int) -> int:
    return mean - mean // 32 + 32 * q(symbol)


def read_symbol(coder: RangeDecoder, contexts: dict, level: int, around: tuple, means: int) -> int:
    """Sections 4.4 and 4.5; `around` are the neighbours a, b, c, d."""
    magnitudes = signs = 0
    for neighbour in around:
        magnitudes = 3 * magnitudes + min(abs(neighbour), 2)
        signs = 3 * signs + 1 + (neighbour > 0) - (neighbour < 0)
    non_zero = (
        (3, contexts["non_zero"][level]),
        (2, contexts["non_zero_pattern"][magnitudes]),
        (3, contexts["non_zero_means"][means]),
    )
    if not read_decision(coder, *non_zero):
        return 0
    negative = read_decision(coder, (1, contexts["negative"][signs // 9]), (1, contexts["negative_pattern"][signs]))
    magnitude = 1
    while magnitude <= 6 and read_decision(coder, (1, contexts["above"][6 * level + magnitude - 1])):
        magnitude += 1
    if magnitude > 6:
        k = 0
        while k < 30 and read_decision(coder, (1, contexts["escape"][k])):
            k += 1
        rest = 1
        for _ in range(k):
            rest = rest << 1 | coder.bit(32768)
        magnitude = 6 + rest
        require(magnitude < 2**31, PAYLOAD, "a magnitude above 2**31 - 1")
    return -magnitude if negative else magnitude
