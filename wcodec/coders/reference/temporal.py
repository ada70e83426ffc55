"""The coder of round messages in plain Python (format_spec/messages.md, temporal coder): walk, symbols, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...errors import PayloadError, SymbolError
from .range_coder import EVEN_CHANCE, RangeDecoder, RangeEncoder
from .temporal_model import LEVELS, NODES, TEMPORAL_WORDS, CodeBit, Model, clamp, half_octave, log2_256, temporal_start

__all__ = ["TEMPORAL_WORDS", "temporal_decode", "temporal_encode", "temporal_remember", "temporal_start"]

CLIPPED = 15
MAX_MAGNITUDE = 2**31 - 1
ZERO, SIGN, ABOVE = (23, 255), (114, 127), (23, 255)  # rate of the mixer, limit of the counters

Layout = Sequence[tuple[int, int, int]]  # rows, columns, kind of each tensor
MemoryArrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def temporal_encode(
    symbols: np.ndarray, layout: Layout, broadcast: MemoryArrays | None, own: MemoryArrays | None, model: np.ndarray
) -> bytes:
    """int32 symbols (n,) of all tensors to one payload; `model` (uint32) learns from them."""
    if symbols.size and symbols.min() < -MAX_MAGNITUDE:
        raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1")
    encoder, learned = RangeEncoder(), Model(model)

    def code_bit(chance: int, bit: int) -> int:
        encoder.bit(bit, chance)
        return bit

    for known, tensor in _tensors(symbols, layout, broadcast, own):
        _code_tensor(learned, code_bit, tensor, known.tolist())
    learned.store()
    return encoder.finish()


def temporal_decode(
    payload: bytes | memoryview,
    layout: Layout,
    broadcast: MemoryArrays | None,
    own: MemoryArrays | None,
    model: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill int32 `out` (n,); PayloadError for what `temporal_encode` does not write; then `model` is as it was."""
    decoder, learned = RangeDecoder(payload), Model(model)

    def code_bit(chance: int, _: int) -> int:
        return decoder.bit(chance)

    for part, tensor in _tensors(out, layout, broadcast, own):
        part[:] = _code_tensor(learned, code_bit, tensor, None)
    decoder.finish()
    learned.store()


def temporal_remember(symbols: np.ndarray, layout: Layout, memory: MemoryArrays) -> None:
    """Take the symbols of a message into the memory of its sender."""
    for values, tensor in _tensors(symbols, layout, memory, None):
        remembered = tensor.broadcast
        assert remembered is not None  # noqa: S101  # for the type checker
        magnitudes = np.minimum(np.abs(values.astype(np.int64)), CLIPPED).astype(np.uint32)
        activity = remembered.activity
        activity[:] = activity - (activity >> 2) + (magnitudes << 8).astype(np.uint16)
        remembered.last[:] = np.where(values, np.sign(values), remembered.last)
        table = magnitudes.reshape(tensor.rows, tensor.columns).astype(np.uint64)
        _follow(remembered.rows, (table.sum(1) << np.uint64(16)) // np.uint64(tensor.columns))
        _follow(remembered.columns, (table.sum(0) << np.uint64(16)) // np.uint64(tensor.rows))
        _follow(remembered.mean, (table.sum(keepdims=True).ravel() << np.uint64(16)) // np.uint64(table.size))


def _follow(mean: np.ndarray, now: np.ndarray) -> None:
    mean[:] = mean - (mean >> 2) + (now >> np.uint64(2)).astype(np.uint32)


class _Memory(NamedTuple):
    """What is remembered of one tensor."""

    activity: np.ndarray
    last: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    mean: np.ndarray

    def expected(self, row: int, column: int) -> int:
        """Mean magnitude that the row and the column suggest, in 2**-16."""
        return int(self.rows[row]) * int(self.columns[column]) // (int(self.mean[0]) or 1)


@dataclass
class _Tensor:
    rows: int
    columns: int
    kind: int
    broadcast: _Memory | None
    own: _Memory | None


def _tensors(
    symbols: np.ndarray, layout: Layout, broadcast: MemoryArrays | None, own: MemoryArrays | None
) -> list[tuple[np.ndarray, _Tensor]]:
    found = []
    weight = row = column = 0
    for t, (rows, columns, kind) in enumerate(layout):
        places = [
            slice(weight, weight + rows * columns), slice(weight, weight + rows * columns), slice(row, row + rows),
            slice(column, column + columns), slice(t, t + 1),
        ]  # fmt: skip
        memories = [m and _Memory(*(array[p] for array, p in zip(m, places, strict=True))) for m in (broadcast, own)]
        found.append((symbols[places[0]], _Tensor(rows, columns, kind, memories[0], memories[1])))
        weight, row, column = weight + rows * columns, row + rows, column + columns
    if weight != symbols.size:
        raise ValueError("kernel parameter outside its range")
    return found


def _level_of(activity: int) -> int:
    return clamp((log2_256(activity) >> 7) - 8, 0, LEVELS - 1) if activity else 0


def _ternary(value: int) -> int:
    return (value > 0) - (value < 0) + 1


class _Walk:
    """A tensor on its way: what this message has said of it so far."""

    def __init__(self, tensor: _Tensor) -> None:
        self.tensor = tensor
        self.symbols: list[int] = []
        self.column_sums, self.column_signs = [0] * tensor.columns, [0] * tensor.columns
        self.sum = self.row_sum = self.row_signs = self.row = self.column = 0
        self.recent = 1311
        memory = tensor.own or tensor.broadcast
        self.before = 328 + (int(memory.mean[0]) // 2 if memory else 0)

    def expected_by_lines(self) -> int:
        """Mean magnitude that row and column suggest by this message alone, in 2**-16."""
        mean = ((self.sum << 16) + 4 * self.before) // (len(self.symbols) + 4)
        row = ((self.row_sum << 16) + 4 * mean) // (self.column + 4)
        column = ((self.column_sums[self.column] << 16) + 2 * mean) // (self.row + 2)
        return row * column // (mean or 1)

    def back(self, count: int) -> int:
        """The symbol `count` before in the same row, or 0."""
        return self.symbols[-count] if self.column >= count else 0

    def take(self, value: int) -> None:
        """Past a symbol."""
        magnitude, sign = min(abs(value), CLIPPED), _ternary(value) - 1
        self.symbols.append(value)
        self.sum += magnitude
        self.row_sum += magnitude
        self.row_signs = clamp(self.row_signs + sign, -1000, 1000)
        self.column_sums[self.column] += magnitude
        self.column_signs[self.column] = clamp(self.column_signs[self.column] + sign, -1000, 1000)
        self.recent += (magnitude << 16) - self.recent >> 3
        self.column += 1
        if self.column == self.tensor.columns:
            self.column = self.row_sum = self.row_signs = 0
            self.row += 1


class _Outlook:
    """What is known before a symbol is coded."""

    def __init__(self, at: _Walk) -> None:
        broadcast, own = at.tensor.broadcast, at.tensor.own
        i = len(at.symbols)
        history = broadcast.expected(at.row, at.column) if broadcast else 0
        own_history = own.expected(at.row, at.column) if own else 0
        self.broadcast = _level_of(int(broadcast.activity[i])) if broadcast else 0
        self.own = _level_of(int(own.activity[i])) if own else 0
        self.history, self.own_history = half_octave(history, 24, 24), half_octave(own_history, 24, 24)
        self.wide_history = half_octave(own_history if own else history, 20, 20)
        self.lines = half_octave(at.expected_by_lines(), 20, 20)
        self.recent = half_octave(at.recent, 16, 14)
        signs = [(int(m.last[i]) + 1) % 2**32 % 3 if m else 1 for m in (broadcast, own)]
        self.last = 3 * signs[0] + signs[1]
        self.left, self.left2 = at.back(1), at.back(2)
        self.above = at.symbols[i - at.tensor.columns] if at.row else 0


def _code_tensor(model: Model, code_bit: CodeBit, tensor: _Tensor, known: list[int] | None) -> list[int]:
    at = _Walk(tensor)
    for i in range(tensor.rows * tensor.columns):
        at.take(_code_symbol(model, code_bit, at, known[i] if known else 0))
    return at.symbols


def _code_symbol(model: Model, code_bit: CodeBit, at: _Walk, value: int) -> int:
    o, kind = _Outlook(at), at.tensor.kind
    zero = [
        ("by_activity", LEVELS * o.broadcast + o.own),
        ("by_history", 24 * o.own_history + o.history),
        ("by_lines", 2 * (LEVELS * o.lines + o.broadcast) + (o.own > 4)),
        ("by_recent", 20 * o.recent + o.wide_history),
    ]
    mixer = 4 * kind + 2 * (o.broadcast > 0) + (o.own > 0)
    if not model.decide(code_bit, zero, ("zero_mixers", mixer), ZERO, int(value != 0)):
        return 0
    size = abs(at.row_signs)
    balance = 2 + (-1 if at.row_signs < 0 else 1) * (2 if size >= 3 else 1 if size else 0)
    sign = [
        ("sign_by_last", LEVELS * (LEVELS * o.last + o.broadcast) + o.own),
        ("sign_by_lines", 9 * balance + 3 * _ternary(at.column_signs[at.column]) + kind),
        ("sign_by_neighbours", 9 * _ternary(o.left) + 3 * _ternary(o.above) + _ternary(o.left2)),
    ]
    negative = model.decide(code_bit, sign, ("sign_mixers", kind), SIGN, int(value < 0))
    magnitude = 1 + _code_excess(model, code_bit, o, abs(value) - 1)
    if magnitude > MAX_MAGNITUDE:
        raise PayloadError("payload holds a code that no encoder writes")
    return -magnitude if negative else magnitude


def _code_excess(model: Model, code_bit: CodeBit, o: _Outlook, excess: int) -> int:
    around = 3 * min(abs(o.left), 2) + min(abs(o.above), 2)
    for node in range(NODES):
        contexts = [
            ("above_by_activity", LEVELS * node + max(o.broadcast, o.own)),
            ("above_by_neighbours", 9 * node + around),
            ("above_by_lines", 20 * node + o.lines),
        ]
        if not model.decide(code_bit, contexts, ("above_mixers", node), ABOVE, int(excess > node)):
            return node
    return NODES + _code_escape(model, code_bit, excess - NODES)


def _code_escape(model: Model, code_bit: CodeBit, value: int) -> int:
    size, actual = 0, max(value + 1, 1).bit_length() - 1
    while size < 31 and model.plain(code_bit, "escape", size, int(size < actual)):
        size += 1
    result = 1
    for i in reversed(range(size)):
        result = result << 1 | code_bit(EVEN_CHANCE, value + 1 >> i & 1)
    return result - 1
