"""The mixing coder in plain Python (format_spec/coders.md, mixing): decisions, symbols and the walk over an array.

Right shifts round down, of negative numbers too, as Python's do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...errors import PayloadError, SymbolError
from .cost_meter import CostMeter, each_cost
from .mixing_model import NODES, Model, clamp
from .mixing_outlook import Outlook, Walk
from .range_coder import EVEN_CHANCE, RangeDecoder, RangeEncoder

MAX_MAGNITUDE = 2**31 - 1
SIGN_MIXER = NODES
SYMBOLS_PER_BIT = 2164

ViewTuple = tuple[int, int, int, int]  # rows, channels, kernel rows, kernel columns
CodeBit = Callable[[int, int], int]  # chance of a one in 2**-16, the bit if it is known; the bit


def mixing_encode(values: np.ndarray, views: Sequence[ViewTuple]) -> bytes:
    """int32 values (n,) of all arrays, one after another, to one payload."""
    encoder = RangeEncoder()

    def code_bit(chance: int, bit: int) -> int:
        encoder.bit(bit, chance)
        return bit

    _code_known(values, views, code_bit)
    return encoder.finish()


def mixing_cost(values: np.ndarray, views: Sequence[ViewTuple], costs: np.ndarray | None = None) -> int:
    """What `mixing_encode` would take, in 2**-16 bit; uint32 `costs` (n,) receives that of each symbol."""
    meter = CostMeter()

    def code_bit(chance: int, bit: int) -> int:
        meter.bit(bit, chance)
        return bit

    _code_known(values, views, code_bit, each_cost(meter, costs))
    return meter.cost


def mixing_most_symbols(size: int) -> int:
    """More symbols than this are in no payload of `size` bytes."""
    return SYMBOLS_PER_BIT * (8 * size + 112)


def mixing_decode(payload: bytes | memoryview, views: Sequence[ViewTuple], out: np.ndarray) -> None:
    """Fill int32 `out` (n,), all arrays one after another.

    Raises:
        PayloadError: `mixing_encode` does not write this payload for any values.
    """
    decoder, model = RangeDecoder(payload), Model()

    def code_bit(chance: int, _: int) -> int:
        return decoder.bit(chance)

    for view, array in _split(out, views):
        for index in _code_array(model, view, code_bit, values := [0] * len(array)):
            array[index] = values[index]
            decoder.check_room()
    decoder.finish()


def _code_known(
    values: np.ndarray, views: Sequence[ViewTuple], code_bit: CodeBit, done: Callable[[], None] = lambda: None
) -> None:
    if values.size and values.min() < -MAX_MAGNITUDE:
        raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more")
    model = Model()
    for view, array in _split(values, views):
        for _ in _code_array(model, view, code_bit, array.tolist()):
            done()


def _split(values: np.ndarray, views: Sequence[ViewTuple]) -> Iterator[tuple[ViewTuple, np.ndarray]]:
    counts = [math.prod(view) for view in views]
    if sum(counts) != len(values):
        raise ValueError("kernel parameter outside its range")
    ends = np.cumsum(counts)
    return ((view, values[end - count : end]) for view, count, end in zip(views, counts, ends, strict=True))


def _code_array(model: Model, view: ViewTuple, code_bit: CodeBit, values: list[int]) -> Iterator[int]:
    """Code `values`, which a decoder fills; yields each index when it is known."""
    if not values:
        return
    walk = Walk(model, view)
    for index, value in enumerate(values):
        walk.start_symbol()
        outlook = Outlook(model, walk)
        values[index] = _Symbol(model, walk, outlook, code_bit).code(value)
        outlook.learn(values[index])
        walk.learn(values[index])
        if walk.seen % 16 == 0:
            model.hold(walk.kind)
        walk.step()
        yield index


class _Symbol:
    """The decisions of one symbol."""

    def __init__(self, model: Model, walk: Walk, outlook: Outlook, code_bit: CodeBit) -> None:
        self._model, self._walk, self._outlook, self._code_bit = model, walk, outlook, code_bit
        scale = outlook.scale
        self._bin = clamp((scale - 1280) >> 7, 0, 25)
        self._fraction = ((scale - 1280) & 127) * 4 - 256
        self._unit = clamp((scale - 3200) >> 8, 0, 6)
        self._agreement = abs(outlook.bin)  # 0..7; 8..14 once the sign is known to be the other one

    def code(self, value: int) -> int:
        """Zero, sign, magnitude less one."""
        if not self._mixed(self._magnitude_counters(0), self._fraction, 0, int(value != 0)):
            return 0
        negative = self._negative(int(value < 0))
        if self._agreement and negative != (self._outlook.bin < 0):
            self._agreement += 7
        magnitude = 1 + self._excess(abs(value) - 1)
        if magnitude > MAX_MAGNITUDE:
            raise PayloadError("payload holds a code that no encoder writes")
        return -magnitude if negative else magnitude

    def _mixed(self, counters: list[tuple[list[int], int]], last_input: int, mixer: int, bit: int) -> int:
        """One decision; a counter is a table and a place in it."""
        model = self._model
        inputs = [model.evidence(table[place]) for table, place in counters]
        inputs += [0] * (3 - len(counters)) + [last_input]
        chance = model.mix(mixer, inputs)
        bit = self._code_bit(chance, bit)
        model.learn_mixture(mixer, inputs, chance, bit)
        for table, place in counters:
            table[place] = model.learned(table[place], bit, 1023)
        return bit

    def _plain(self, table: list[int], place: int, bit: int) -> int:
        bit = self._code_bit(clamp(table[place] >> 16, 32, 65504), bit)
        table[place] = self._model.learned(table[place], bit, 255)
        return bit

    def _even(self, count: int, value: int) -> int:
        result = 0
        for i in reversed(range(count)):
            result = result << 1 | self._code_bit(EVEN_CHANCE, value >> i & 1)
        return result

    def _coarse(self, value: int, most: int) -> int:
        return min(abs(value) + (1 << self._unit >> 1) >> self._unit, most)

    def _magnitude_counters(self, node: int) -> list[tuple[list[int], int]]:
        model, walk, near = self._model, self._walk, self._outlook.neighbours
        left = self._bin * 12 + self._coarse(walk.left, 3) * 3 + self._coarse(walk.left2, 2)
        around = 0
        for neighbour in (3, 2, 0, 1):
            around = around * 3 + self._coarse(near[neighbour], 2)
        return [
            (model.left_counters[left], node),
            (model.prediction_counters[self._bin * 15 + self._agreement], node),
            (model.neighbour_counters[around], node),
        ]

    def _negative(self, bit: int) -> int:
        near = self._outlook.neighbours
        place = min(self._walk.place, 31)
        counters = [
            (self._model.sign_pairs[place], _sign_case(near[0]) * 3 + _sign_case(near[1])),
            (self._model.sign_predictions, (self._outlook.bin + 7) * 3 + _sign_case(near[2])),
        ]
        return self._mixed(counters, -2 * self._outlook.ratio, SIGN_MIXER, bit)

    def _excess(self, excess: int) -> int:
        """Magnitude less one: a high part in unary, low bits nearly even."""
        shift = max((self._outlook.scale >> 8) - 13, 0)
        high, node = excess >> shift, 1
        while node < NODES and self._mixed(self._magnitude_counters(node), self._fraction, node, int(high >= node)):
            node += 1
        result = node - 1
        if node == NODES:
            result += self._escape(max(high - (NODES - 1), 0))
        if shift:
            result = result << 1 | self._plain(self._model.low_bits[shift], min(node, 4) - 1, excess >> shift - 1 & 1)
            result = result << shift - 1 | self._even(shift - 1, excess)
        return result

    def _escape(self, value: int) -> int:
        """Exponential Golomb code of order 2."""
        size, actual = 2, (value + 4).bit_length() - 1
        while size < 31 and self._plain(self._model.escape_sizes, size, int(size < actual)):
            size += 1
        low = value + 4
        top = self._plain(self._model.escape_tops, size, low >> size - 1 & 1)
        return (1 << size) + (top << size - 1) + self._even(size - 1, low) - 4


def _sign_case(value: int) -> int:
    return (value > 0) - (value < 0) + 1
