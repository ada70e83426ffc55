"""The context coder in plain Python (format_spec/coders.md, context): the model and the walk over an array."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...errors import PayloadError, SymbolError
from .context_prior import ADAPTATION_RATE, ESCAPE_BITS, FLAGS, LEVELS, PRIOR
from .cost_meter import CostMeter, each_cost
from .range_coder import EVEN_CHANCE, RangeDecoder, RangeEncoder

MAX_CLIPPED = 31
MEAN_UNIT = 1024
MEAN_MEMORY = 32
MAX_COUNT = 255
PRIOR_COUNT = 4
PROBABILITY_BITS = 22
LEAST_CHANCE = 4
MAX_COLUMNS = 65536
MAX_MAGNITUDE = 2**31 - 1

ViewTuple = tuple[int, int, int, int, int]  # rows, channels, kernel rows, kernel columns, context set


def context_encode(values: np.ndarray, views: Sequence[ViewTuple]) -> bytes:
    """int32 values (n,) of all arrays, one after another, to one payload."""
    encoder = RangeEncoder()
    _encode(encoder, values, views)
    return encoder.finish()


def context_cost(values: np.ndarray, views: Sequence[ViewTuple], costs: np.ndarray | None = None) -> int:
    """What `context_encode` would take, in 2**-16 bit; uint32 `costs` (n,) receives that of each symbol."""
    meter = CostMeter()
    _encode(meter, values, views, each_cost(meter, costs))
    return meter.cost


def _encode(
    encoder: RangeEncoder | CostMeter,
    values: np.ndarray,
    views: Sequence[ViewTuple],
    done: Callable[[], None] = lambda: None,
) -> None:
    if values.size and values.min() < -MAX_MAGNITUDE:
        raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more")
    models = _start_models()
    for view, array in _split(values, views):
        walk, model = _Walk(view, array.tolist()), models[view[4]]
        while walk.index < len(array):
            _encode_symbol(encoder, model, walk.neighbourhood(), walk.values[walk.index])
            walk.step()
            done()


def context_decode(payload: bytes | memoryview, views: Sequence[ViewTuple], out: np.ndarray) -> None:
    """Fill int32 `out` (n,), all arrays one after another.

    Raises:
        PayloadError: `context_encode` does not write this payload for any values.
    """
    decoder, models = RangeDecoder(payload), _start_models()
    for view, array in _split(out, views):
        walk, model = _Walk(view, [0] * len(array)), models[view[4]]
        while walk.index < len(array):
            walk.values[walk.index] = _decode_symbol(decoder, model, walk.neighbourhood())
            walk.step()
            if walk.column == 0:
                decoder.check_room()
        array[:] = walk.values
    decoder.finish()


def _split(values: np.ndarray, views: Sequence[ViewTuple]) -> Iterator[tuple[ViewTuple, np.ndarray]]:
    counts = [math.prod(view[:4]) for view in views]
    if sum(counts) != len(values) or any(view[4] >= len(PRIOR) for view in views):
        raise ValueError("kernel parameter outside its range")
    ends = np.cumsum(counts)
    return ((view, values[end - count : end]) for view, count, end in zip(views, counts, ends, strict=True))


class _Bit:
    """An adaptive probability of a one, in units of 2**-22, and how many symbols it has seen."""

    def __init__(self, prior: int) -> None:
        self.probability = prior << PROBABILITY_BITS - 8
        self.count = PRIOR_COUNT

    def adapt(self, bit: int) -> None:
        """The probability of what did not happen shrinks by about 1 / (count + 1.6)."""
        top = (1 << PROBABILITY_BITS) - 1
        other = top - self.probability if bit else self.probability
        other -= other * ADAPTATION_RATE[self.count] >> 10
        self.probability = top - other if bit else other
        self.count = min(self.count + 1, MAX_COUNT)


class _Model:
    """The contexts of one set."""

    def __init__(self, prior: dict[str, list[int]]) -> None:
        self.non_zero = [_Bit(p) for p in prior["non_zero"]]  # by level
        self.non_zero_pattern = [_Bit(p) for p in prior["non_zero_pattern"]]
        self.non_zero_means = [_Bit(p) for p in prior["non_zero_means"]]
        self.negative = [_Bit(p) for p in prior["negative"]]  # by two signs
        self.negative_pattern = [_Bit(p) for p in prior["negative_pattern"]]  # by four signs
        self.above = [_Bit(p) for p in prior["above"]]  # level * FLAGS + flag
        self.escape = [_Bit(p) for p in prior["escape"]]


def _start_models() -> list[_Model]:
    return [_Model(prior) for prior in PRIOR]


def _chance(weighted: Sequence[tuple[int, _Bit]]) -> int:
    """The weighted mean probability of some contexts, in units of 2**-16, kept off 0 and 1."""
    mean = sum(weight * bit.probability for weight, bit in weighted) // sum(weight for weight, _ in weighted)
    return min(max(mean >> PROBABILITY_BITS - 16, LEAST_CHANCE), 65536 - LEAST_CHANCE)


def _non_zero_contexts(model: _Model, around: _Neighbourhood) -> list[tuple[int, _Bit]]:
    return [
        (3, model.non_zero[around.level]),
        (2, model.non_zero_pattern[around.magnitudes]),
        (3, model.non_zero_means[around.means]),
    ]


def _negative_contexts(model: _Model, around: _Neighbourhood) -> list[tuple[int, _Bit]]:
    return [(1, model.negative[around.signs // 9]), (1, model.negative_pattern[around.signs])]


class _Neighbourhood(NamedTuple):
    """The contexts of one symbol."""

    level: int  # of the expected magnitude
    magnitudes: int  # pattern of the four neighbours' magnitudes
    means: int  # octaves of the two running means
    signs: int  # pattern of the neighbours' signs


class _Walk:
    """The place in an array, and what its neighbourhood says about the next symbol."""

    def __init__(self, view: ViewTuple, values: list[int]) -> None:
        _, channels, kernel_rows, self.kernel_columns, _ = view
        self.kernel = kernel_rows * self.kernel_columns
        self.width = channels * self.kernel
        self.values = values
        self.columns = [0] * min(self.width, MAX_COLUMNS)
        self.index = self.column = 0
        self.mean = 0

    def neighbourhood(self) -> _Neighbourhood:
        """What the symbols known so far say about the one at `index`."""
        first_row = self.index < self.width
        above = 0 if first_row else self._back(self.width)
        in_kernel_above = 0
        if self.kernel == 1:
            above_left = self._back(self.width + 1) if not first_row and self.column else 0
            four = [self._in_row(1), above, self._in_row(2), above_left]
        else:
            row, column = divmod(self.column % self.kernel, self.kernel_columns)
            in_kernel_above = self._back(self.kernel_columns) if row else 0
            four = [self._back(1) if column else 0, in_kernel_above, self._in_row(self.kernel), above]
        near = 6 * _clip(self._in_row(1)) + 2 * _clip(self._in_row(2)) + 3 * _clip(in_kernel_above)
        expected = 16 * near + 3 * (self.mean + self._column_mean()) // 16
        level = min(((expected + 1) ** 2).bit_length() - 1, LEVELS - 1)
        magnitudes = signs = 0
        for value in four:
            magnitudes = 3 * magnitudes + min(abs(value), 2)
            signs = 3 * signs + 1 + (value > 0) - (value < 0)
        means = 9 * _octave(self.mean) + _octave(self._column_mean())
        return _Neighbourhood(level, magnitudes, means, signs)

    def step(self) -> None:
        """Past the symbol at `index`."""
        clipped = _clip(self.values[self.index])
        self.columns[self.column % MAX_COLUMNS] = _advanced(self._column_mean(), clipped)
        self.mean = _advanced(self.mean, clipped)
        self.index += 1
        self.column = (self.column + 1) % self.width

    def _back(self, distance: int) -> int:
        return self.values[self.index - distance]

    def _in_row(self, distance: int) -> int:
        return self._back(distance) if self.column >= distance else 0

    def _column_mean(self) -> int:
        """In the first row it goes on from the same place in the kernel before."""
        if self.index >= self.width:
            return self.columns[self.column % MAX_COLUMNS]
        if self.column >= self.kernel:
            return self.columns[(self.column - self.kernel) % MAX_COLUMNS]
        return self.mean


def _clip(value: int) -> int:
    return min(abs(value), MAX_CLIPPED)


def _advanced(mean: int, clipped: int) -> int:
    return mean - mean // MEAN_MEMORY + clipped * (MEAN_UNIT // MEAN_MEMORY)


def _octave(mean: int) -> int:
    return min(max((mean + 1).bit_length() - 3, 0), 8)


def _encode_symbol(encoder: RangeEncoder | CostMeter, model: _Model, around: _Neighbourhood, value: int) -> None:
    def code(bit: bool, weighted: Sequence[tuple[int, _Bit]]) -> None:
        encoder.bit(int(bit), _chance(weighted))
        for _, context in weighted:
            context.adapt(int(bit))

    code(value != 0, _non_zero_contexts(model, around))
    if value == 0:
        return
    code(value < 0, _negative_contexts(model, around))
    for flag in range(1, min(abs(value), FLAGS) + 1):
        code(abs(value) > flag, [(1, model.above[around.level * FLAGS + flag - 1])])
    if abs(value) > FLAGS:
        excess = abs(value) - FLAGS
        bits = excess.bit_length() - 1
        for i in range(bits):
            code(True, [(1, model.escape[i])])
        if bits < ESCAPE_BITS:
            code(False, [(1, model.escape[bits])])
        for i in reversed(range(bits)):
            encoder.bit(excess >> i & 1, EVEN_CHANCE)


def _decode_symbol(decoder: RangeDecoder, model: _Model, around: _Neighbourhood) -> int:
    def code(weighted: Sequence[tuple[int, _Bit]]) -> int:
        bit = decoder.bit(_chance(weighted))
        for _, context in weighted:
            context.adapt(bit)
        return bit

    if not code(_non_zero_contexts(model, around)):
        return 0
    negative = code(_negative_contexts(model, around))
    magnitude = 1
    while magnitude <= FLAGS and code([(1, model.above[around.level * FLAGS + magnitude - 1])]):
        magnitude += 1
    if magnitude > FLAGS:
        bits = 0
        while bits < ESCAPE_BITS and code([(1, model.escape[bits])]):
            bits += 1
        excess = 1
        for _ in range(bits):
            excess = excess << 1 | decoder.bit(EVEN_CHANCE)
        magnitude = FLAGS + excess
        if magnitude > MAX_MAGNITUDE:
            raise PayloadError("payload holds a code that no encoder writes")
    return -magnitude if negative else magnitude
