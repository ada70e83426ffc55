"""Interleaved rANS with static tables (format_spec/coders.md, rans): the decoder."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import PayloadError, SymbolError
from .adaptive import MODELS, IntegerDecoder, IntegerModel
from .rans_walk import BITS, ESCAPE, LOWEST_STATE, Step, band_rows, class_of, flipped, near_column, near_symbols, sign

SLOTS = 1 << BITS
LANES = {1: 8, 2: 32}
LEAST_ELEMENTS = 1024
MAX_SCALE = 15
MAX_CODE = 39
FIRST_PREDICTION = 20

# models of the control string
LAYOUT, VIEW, NEAR_A, NEAR_B, SCALES, MERGED, RARE = range(7)
ROW, CHANNEL, KERNEL, REST, LOW, HIGH, FREQUENCY = range(7, 14)
ESCAPES, VECTOR, MATRIX = 18, 19, 28

Shape = tuple[int, int, int, int]  # rows, channels, kernel, line


def _corrupt(broken: bool) -> None:
    if broken:
        raise PayloadError("payload holds a code that no encoder writes")


class Table(NamedTuple):
    """Frequencies (256,) by symbol + 128, and for each slot its symbol and its place among the symbol's slots."""

    frequencies: list[int]
    slots: list[tuple[int, int]]

    @classmethod
    def of(cls, frequencies: list[int]) -> Table:
        return cls(frequencies, [(i - 128, k) for i, f in enumerate(frequencies) for k in range(f)])


NULL_TABLE = Table.of([SLOTS * (i == 128) for i in range(256)])


class Matrix(NamedTuple):
    """What the lanes of one array need: view, near columns, exponents, tables[class][context]."""

    rows: int
    columns: int
    lanes: int
    near: tuple[list[int], list[int]]
    row_scale: list[int]
    column_scale: list[int]
    tables: dict[int, list[Table]]


class RansDecoder:
    """Reads the arrays of a payload in order."""

    def __init__(self, payload: bytes | memoryview, path: str = "fastest") -> None:
        if path not in ("portable", "fastest"):
            raise ValueError("this processor or build has no such path")
        length, rest = _read_leb128(memoryview(payload))
        if length > len(rest):
            raise PayloadError("payload ends before its last symbol")
        self._control = IntegerDecoder(rest[:length])
        self._models = [IntegerModel() for _ in range(MODELS)]
        self._words = bytes(rest[length:])
        self._next = 0

    def read_symbols(self, shape: Shape, out: np.ndarray) -> None:
        """The next array, n >= 1 elements, into int8, int16 or int32 `out` (n,)."""
        symbols = self._read(shape, len(out))
        limits = np.iinfo(out.dtype)
        if min(symbols) < limits.min or max(symbols) > limits.max:
            raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more")
        out[:] = symbols

    def read_scaled(self, shape: Shape, steps: np.ndarray, out: np.ndarray) -> None:
        """The next array times float32 steps (1,) or (rows,), into float32 `out` (n,)."""
        if len(steps) not in (1, shape[0]):
            raise ValueError("kernel parameter outside its range")
        symbols = np.array(self._read(shape, len(out)), np.float32).reshape(shape[0], -1)
        out[:] = (symbols * steps.astype(np.float32)[:, None]).reshape(-1)

    def close(self) -> None:
        """PayloadError unless the arrays read took the whole payload."""
        if self._next != len(self._words):
            raise PayloadError("payload holds more symbols than its arrays")
        self._control.finish()

    # -- control string --

    def _magnitude(self, model: int) -> int:
        return self._control.magnitude(self._models[model])

    def _integer(self, model: int) -> int:
        return self._control.integer(self._models[model])

    def _difference(self, model: int, value: int, low: int, high: int, limit: int) -> int:
        difference = self._integer(model)
        _corrupt(abs(difference) > limit or not low <= value + difference <= high)
        return value + difference

    def _read(self, shape: Shape, size: int) -> list[int]:
        rows, channels, kernel, line = shape
        if rows * channels * kernel != size or not size or not line:
            raise ValueError("`out` does not have the elements of the shape")
        layout = self._magnitude(LAYOUT)
        if layout == 0:
            return self._read_serial(size, rows)
        flat = self._magnitude(VIEW)
        _corrupt(layout not in LANES or flat > 1 or size < LEAST_ELEMENTS)
        lanes = LANES[layout]
        view = (lanes, size // lanes, 1, 1) if flat else shape
        _corrupt(view[0] < lanes or view[1] == 0)
        symbols = self._read_rows(self._read_matrix(view, lanes))
        return symbols + self._read_serial(size - len(symbols), rows)

    def _read_serial(self, count: int, rows: int) -> list[int]:
        symbols = [0, 0]
        base = VECTOR if rows == 1 else MATRIX
        for _ in range(count):
            second, last = symbols[-2:]
            symbol = self._integer(base + 3 * min(abs(last), 2) + min(abs(second), 2))
            symbols.append(-symbol if 3 * sign(last) + sign(second) < 0 else symbol)
        return symbols[2:]

    def _read_matrix(self, view: Shape, lanes: int) -> Matrix:
        rows, channels, kernel, line = view
        kinds = self._magnitude(NEAR_A), self._magnitude(NEAR_B)
        _corrupt(max(kinds) > 5)
        near = [[near_column(kind, c, kernel, line) for c in range(channels * kernel)] for kind in kinds]
        mask = self._magnitude(SCALES)
        _corrupt(mask > 7)
        of_rows, of_channels, of_kernel = (
            self._read_exponents(model, count) if mask >> axis & 1 else [0] * count
            for axis, (model, count) in enumerate(((ROW, rows), (CHANNEL, channels), (KERNEL, kernel)))
        )
        of_columns = [c + k for c in of_channels for k in of_kernel]
        reached = sorted({class_of(r, c) for r in set(of_rows) for c in set(of_columns)})
        contexts = {(0, 0): [0], (0, 1): [0, 1], (1, 0): [0, 3], (1, 1): [0, 1, 2, 3, 4]}[
            int(kinds[0] > 0), int(kinds[1] > 0)
        ]
        tables = self._read_tables(reached, contexts)
        return Matrix(rows, channels * kernel, lanes, (near[0], near[1]), of_rows, of_columns, tables)

    def _read_exponents(self, model: int, count: int) -> list[int]:
        exponents = [0]
        for _ in range(count):
            exponents.append(self._difference(model, exponents[-1], -MAX_SCALE, MAX_SCALE, 2 * MAX_SCALE))
        return exponents[1:]

    def _read_tables(self, reached: list[int], contexts: list[int]) -> dict[int, list[Table]]:
        merged = {c: len(contexts) > 1 and self._magnitude(MERGED) != 0 for c in reached}
        tables: dict[int, list[Table]] = {}
        codes: list[int] | None = None
        low = high = 1
        for number in reached:
            mine = [NULL_TABLE] * 5
            for context in contexts:
                if context == 0 or not merged[number]:
                    codes, low, high, rest = self._read_codes(codes, low, high)
                    frequencies = [_frequency(code) for code in codes]
                    frequencies[rest] = 0
                    frequencies[rest] = SLOTS - sum(frequencies)
                    _corrupt(frequencies[rest] <= 0)
                    codes[rest] = _code(frequencies[rest])
                    table = Table.of(frequencies)
                mine[context] = table
            tables[number] = mine
        return tables

    def _read_codes(self, previous: list[int] | None, low: int, high: int) -> tuple[list[int], int, int, int]:
        """Codes (256,), extents and the index of the symbol that gets the rest; its code here means nothing."""
        rest = self._difference(REST, 128, 0, 255, 255)
        low = self._difference(LOW, low, 0, 127, 255)
        high = self._difference(HIGH, high, 0, 127, 255)
        rare = self._magnitude(RARE)
        _corrupt(rare > MAX_CODE)
        codes = [rare] + [0] * 255
        last = FIRST_PREDICTION
        for i in range(128 - low, 128 + high + 1):
            if i != rest:
                prediction = last if previous is None else previous[i]
                last = self._difference(FREQUENCY + min(prediction // 3, 4), prediction, 0, MAX_CODE, 255)
                codes[i] = last
        return codes, low, high, rest

    # -- words --

    def _take(self, count: int) -> int:
        if self._next + count > len(self._words):
            raise PayloadError("payload ends before its last symbol")
        self._next += count
        return int.from_bytes(self._words[self._next - count : self._next], "little")

    def _read_rows(self, matrix: Matrix) -> list[int]:
        states = [self._take(4) for _ in range(matrix.lanes)]
        _corrupt(min(states) < LOWEST_STATE)
        out = np.zeros((matrix.rows, matrix.columns), np.int64)
        step: Step = [[0] * matrix.lanes for _ in range(matrix.columns)]
        for rows in band_rows(matrix.rows, matrix.lanes):
            step = self._read_step(matrix, states, rows, step)
            for column, symbols in enumerate(step):
                for lane, symbol in enumerate(symbols):
                    if rows[lane] is not None:
                        out[rows[lane], column] = self._read_escape() if symbol == ESCAPE else symbol
        _corrupt(any(state != LOWEST_STATE for state in states))
        return out.reshape(-1).tolist()

    def _read_step(self, matrix: Matrix, states: list[int], rows: list[int | None], above: Step) -> Step:
        step: Step = []
        for column in range(matrix.columns):
            step.append([])
            a, b = (near_symbols(step, above, near[column], column, matrix.lanes) for near in matrix.near)
            for lane, row in enumerate(rows):
                context = 3 * sign(a[lane]) + sign(b[lane])
                table = NULL_TABLE
                if row is not None:
                    table = matrix.tables[class_of(matrix.row_scale[row], matrix.column_scale[column])][abs(context)]
                symbol, place = table.slots[states[lane] % SLOTS]
                states[lane] = table.frequencies[symbol + 128] * (states[lane] >> BITS) + place
                if states[lane] < LOWEST_STATE:
                    states[lane] = states[lane] << 16 | self._take(2)
                step[column].append(flipped(symbol, context))
        return step

    def _read_escape(self) -> int:
        value = self._integer(ESCAPES)
        _corrupt(value == 0 or abs(value) > 2**31 - 1 - 127)
        return value + 127 * sign(value)


def _frequency(code: int) -> int:
    return code if code < 8 else (4 + code % 4) << (code // 4 - 1)


def _code(frequency: int) -> int:
    shift = max(frequency.bit_length() - 3, 0)
    return 4 * shift + (frequency >> shift)


def _read_leb128(payload: memoryview) -> tuple[int, memoryview]:
    value = 0
    for i in range(9):
        if i == len(payload):
            raise PayloadError("payload ends before its last symbol")
        value |= (payload[i] & 0x7F) << 7 * i
        if not payload[i] & 0x80:
            return value, payload[i + 1 :]
    raise PayloadError("payload holds a code that no encoder writes")
