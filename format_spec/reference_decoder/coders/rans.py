"""rans (section 7)."""

from __future__ import annotations

import math
from itertools import accumulate, product

import numpy as np

from ..conventions import Bytes
from ..elements import DTYPES, from_integers
from ..errors import PAYLOAD, require
from .range_coder import RangeDecoder


def decode(payload: bytes, specs: list) -> list[np.ndarray]:
    """Section 7."""
    if not any(math.prod(shape) for shape, _ in specs):
        require(not payload, PAYLOAD, "bytes follow the last array")
        return [np.zeros(shape, DTYPES[dtype]) for shape, dtype in specs]
    source, length, shift = Bytes(payload, PAYLOAD), 0, 0
    while True:
        require(shift < 63, PAYLOAD, "a length of more than 9 bytes")
        byte = source.byte()
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    integers, arrays = Integers(source.take(length)), []
    for shape, dtype in specs:
        symbols = read_layout(integers, source, shape) if math.prod(shape) else []
        arrays.append(from_integers(np.array(symbols, np.int64), DTYPES[dtype]).reshape(shape))
    integers.coder.finish()
    require(not source.left(), PAYLOAD, "bytes follow the last array")
    return arrays


class Integers:
    """Section 7.1: integers under the 37 models of a payload."""

    def __init__(self, control: bytes) -> None:
        self.coder, self.states = RangeDecoder(control), {}

    def decision(self, *name: int | str) -> int:
        p, n = self.states.get(name, (2**15, 0))
        bit = self.coder.bit(min(max(p, 64), 65472))
        rate = 131072 // (2 * n + 3)
        p = p + ((65535 - p) * rate >> 16) if bit else p - (p * rate >> 16)
        self.states[name] = p, min(n + 1, 127)
        return bit

    def read(self, model: int) -> int:
        if not self.decision(model, "zero"):
            return 0
        e = 0
        while e < 31 and self.decision(model, "more", e):
            e += 1
        m = 1
        for i in range(e):
            place = 1 + m % 2 if i else 0
            m = 2 * m + (self.decision(model, "mantissa", e, place) if i < 2 else self.coder.bit(32768))
        require(model < 7 or m < 2**31, PAYLOAD, "an integer beyond 31 bits")
        return -m if model >= 7 and self.decision(model, "negative") else m

    def limited(self, model: int, before: int, low: int, high: int, beyond: int = 255) -> int:
        """An integer that is coded as the difference to the one before it."""
        difference = self.read(model)
        value = before + difference
        require(abs(difference) <= beyond and low <= value <= high, PAYLOAD, "an integer outside its range")
        return value

    def choice(self, model: int, most: int) -> int:
        value = self.read(model)
        require(value <= most, PAYLOAD, "an integer outside its range")
        return value


def read_layout(integers: Integers, source: Bytes, shape: tuple[int, ...]) -> list[int]:
    size, rows = math.prod(shape), shape[0] if len(shape) >= 2 else 1
    lanes = (0, 8, 32)[integers.choice(0, 2)]
    symbols = []
    if lanes:
        require(size >= 1024, PAYLOAD, "tables for a small array")
        view = (rows, shape[1] if len(shape) >= 2 else size, math.prod(shape[2:]), shape[-1] if len(shape) > 2 else 1)
        view = (lanes, size // lanes, 1, 1) if integers.choice(1, 1) else view
        require(view[0] >= lanes, PAYLOAD, "more lanes than rows")
        symbols = read_bands(integers, source, view, lanes)
    last = second = 0
    for _ in range(size - len(symbols)):
        model = (19 if rows == 1 else 28) + 3 * min(abs(last), 2) + min(abs(second), 2)
        symbol = integers.read(model) * (-1 if 3 * sign(last) + sign(second) < 0 else 1)
        last, second = symbol, last
        symbols.append(symbol)
    return symbols


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def rans_distance(kind: int, column: int, kernel: int, line: int) -> int:
    """Section 7.4; past the start of the row where there is no neighbour."""
    i = column % kernel
    up = line if i >= line else kernel
    return (column + 1, 0, 1, 2, 1 if i % line else up, up)[kind]


def read_bands(integers: Integers, source: Bytes, view: tuple[int, int, int, int], lanes: int) -> list[int]:
    """Sections 7.4 to 7.7: the symbols of a view."""
    rows, channels, kernel, line = view
    columns = channels * kernel
    kinds = [integers.choice(model, 5) for model in (2, 3)]
    mask, exponents = integers.choice(4, 7), []
    for axis, count in enumerate((rows, channels, kernel)):
        of_axis = [0]
        for _ in range(count):
            of_axis.append(integers.limited(7 + axis, of_axis[-1], -15, 15, 30) if mask >> axis & 1 else 0)
        exponents.append(of_axis[1:])
    classes = {
        (r, c, k): min(max(8 + r + c + k, 0), 15) for r, c, k in product(*(set(of_axis) for of_axis in exponents))
    }
    contexts = [0, 1, 2, 3, 4] if all(kinds) else [0, 3] if kinds[0] else [0, 1] if kinds[1] else [0]
    tables = read_tables(integers, sorted(set(classes.values())), contexts)
    states = [int.from_bytes(source.take(4), "little") for _ in range(lanes)]
    require(min(states) >= 2**16, PAYLOAD, "a state below 2**16")
    first = [rows * lane // lanes for lane in range(lanes + 1)]
    out = [[0] * columns for _ in range(rows)]
    for step in range(-(-rows // lanes)):
        escapes = []
        for column in range(columns):
            distances = [rans_distance(kind, column, kernel, line) for kind in kinds]
            for lane in range(lanes):
                row = first[lane] + step
                if row >= first[lane + 1]:
                    continue
                near = [
                    0 if d > column else out[row][column - d] if d else out[row - 1][column] if step else 0
                    for d in distances
                ]
                # An escape has its sign only from here on: as a neighbour it is negative.
                near = [-1 if value == ESCAPE or abs(value) > 127 else value for value in near]
                context = 3 * sign(near[0]) + sign(near[1])
                scales = exponents[0][row], exponents[1][column // kernel], exponents[2][column % kernel]
                symbol, states[lane] = pop_rans(states[lane], tables[classes[scales], abs(context)], source)
                out[row][column] = -symbol if context < 0 and symbol != ESCAPE else symbol
                escapes += [(row, column)] * (symbol == ESCAPE)
        for row, column in escapes:
            e = integers.read(18)
            require(e != 0 and abs(e) + 127 < 2**31, PAYLOAD, "an escape that is no symbol")
            out[row][column] = e + 127 * sign(e)
    require(states == [2**16] * lanes, PAYLOAD, "the states do not end where the encoder starts")
    return [symbol for row in out for symbol in row]


ESCAPE = -128


def pop_rans(x: int, table: dict[int, tuple[int, int]], source: Bytes) -> tuple[int, int]:
    """A symbol and the state behind it; `table` has frequency and start of each value."""
    slot = x % 2048
    symbol = next(v for v, (f, start) in table.items() if start <= slot < start + f)
    f, start = table[symbol]
    x = f * (x // 2048) + slot - start
    return symbol, x if x >= 2**16 else x << 16 | int.from_bytes(source.take(2), "little")


def read_tables(integers: Integers, classes: list[int], contexts: list[int]) -> dict:
    """Section 7.6: (class, context) -> table."""
    merged = {number: len(contexts) > 1 and integers.read(5) != 0 for number in classes}
    tables, codes, low, high = {}, None, 1, 1
    for number in classes:
        for context in contexts:
            if context and merged[number]:
                tables[number, context] = tables[number, 0]
                continue
            rest = integers.limited(10, 0, -128, 127)
            low, high = integers.limited(11, low, 0, 127), integers.limited(12, high, 0, 127)
            new, last = dict.fromkeys(range(-128, 128), 0), 20
            new[ESCAPE] = integers.choice(6, 39)
            for value in range(-low, high + 1):
                if value != rest:
                    prediction = last if codes is None else codes[value]
                    last = new[value] = integers.limited(13 + min(prediction // 3, 4), prediction, 0, 39)
            new[rest] = 0
            frequencies = {v: q if q < 8 else (4 + q % 4) << q // 4 - 1 for v, q in new.items()}
            frequencies[rest] = 2048 - sum(frequencies.values())
            require(frequencies[rest] > 0, PAYLOAD, "frequencies that add up to 2048 without the rest")
            shift = max(frequencies[rest].bit_length() - 3, 0)
            new[rest] = 4 * shift + (frequencies[rest] >> shift)
            ends = accumulate(frequencies.values())
            tables[number, context] = {v: (f, end - f) for (v, f), end in zip(frequencies.items(), ends, strict=True)}
            codes = new
    return tables
