"""Steps and sums that are exact on every machine (format_spec/messages.md, steps and model).

A step is m * 2**k with m in 4 .. 7, so a symbol below 2**21 times a step is exact in float32, fused or not. A model
that messages act on is held in fixed point: each tensor in multiples of a power of two, so few that float64 holds them
all. Adding differences to it never rounds: any order, and any sum of rounds, gives the same bits.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..errors import MessageError
from .schema import Role, Schema

STEPS = 256  # a step index is one byte
LOWEST_EXPONENT = -44
MAX_SYMBOL = 1 << 21
FINEST_UNIT = -40  # multiples of 2**-40, below 2**12
HEADROOM = 48  # a tensor may grow sixteenfold beyond what its unit was chosen for
BASE_BYTES = 4


def step(index: int) -> float:
    """The step of an index: (4 + index mod 4) * 2**(index div 4 - 44)."""
    return math.ldexp(4 + index % 4, index // 4 + LOWEST_EXPONENT)


def unit(index: int) -> float:
    """The power of two that the step of an index is a multiple of."""
    return math.ldexp(1, index // 4 + LOWEST_EXPONENT)


def nearest_index(value: float, least: int = 0) -> int:
    """Index of the step nearest to `value` in ratio, `least` .. 255."""
    if not value > step(0):
        return least
    if value >= step(STEPS - 1):
        return STEPS - 1
    guess = 4 * (math.frexp(value)[1] - 3 - LOWEST_EXPONENT)  # step(guess) <= value < step(guess + 4)
    near = range(max(guess, 0), max(guess, 0) + 5)
    return min(max(min(near, key=lambda i: max(step(i) / value, value / step(i))), least), STEPS - 1)


class Difference(NamedTuple):
    """What one message adds to a model.

    Attributes:
        step_index: of the message.
        weights: int32 symbols of all weights.
        buffer_indices: step index of each buffer tensor.
        buffers: int32 symbols.
        exact: int64 differences.
    """

    step_index: int
    weights: np.ndarray
    buffer_indices: np.ndarray
    buffers: np.ndarray
    exact: np.ndarray


@dataclass
class Model:
    """A model in fixed point; nothing changes one once it is made.

    Attributes:
        schema: of the model.
        version: number of broadcasts before this state.
        weights, buffers: float64 vectors, multiples of the units.
        exact: int64 vector.
        units: exponents of the units of all weight and buffer tensors, int16.
    """

    schema: Schema
    version: int
    weights: np.ndarray
    buffers: np.ndarray
    exact: np.ndarray
    units: np.ndarray

    @classmethod
    def from_arrays(cls, schema: Schema, version: int, arrays: dict[str, np.ndarray]) -> Model:
        """The model that a frame starts: its arrays, rounded to the units that their sizes allow."""
        weights, buffers, exact = schema.split(arrays)
        units = []
        for role, vector in ((Role.WEIGHT, weights), (Role.BUFFER, buffers)):
            for span in schema.spans(role):
                exponent = math.frexp(float(np.abs(vector[span]).max()))[1]
                units.append(max(FINEST_UNIT, exponent - HEADROOM))
                vector[span] = np.ldexp(np.rint(np.ldexp(vector[span], -units[-1])), units[-1]) + 0.0
        return cls(schema, version, weights, buffers, exact, np.array(units, np.int16))

    def arrays(self) -> dict[str, np.ndarray]:
        """What the federation's programs get."""
        return self.schema.join((self.weights, self.buffers, self.exact))

    def base(self) -> bytes:
        """First bytes of the digest that messages name this state by."""
        return self._base

    @cached_property  # every update of a round names it
    def _base(self) -> bytes:
        sha = hashlib.sha256(self.schema.digest)
        for vector in (self.weights, self.buffers, self.exact):
            sha.update(vector.astype(vector.dtype.newbyteorder("<"), copy=False).tobytes())
        return sha.digest()[:BASE_BYTES]

    def weight_indices(self, index: int) -> list[int]:
        """Step index of each weight tensor for the step index of a message."""
        offsets = self.schema.step_offsets
        return [max(index + d, _least(u)) for d, u in zip(offsets, self.units[: len(offsets)].tolist(), strict=True)]

    def least_buffer_indices(self) -> list[int]:
        """Smallest step index of each buffer tensor."""
        return [_least(u) for u in self.units[len(self.schema.step_offsets) :].tolist()]

    def values(self, difference: Difference, *, units: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The exact differences of weights, buffers and exact values; `units`: of a sum, in units instead of steps.

        Raises:
            MessageError: a symbol of 2**21 or more where it multiplies a step.
        """
        size = unit if units else step
        if not units and difference.weights.size and np.abs(difference.weights).max() >= MAX_SYMBOL:
            raise MessageError("a symbol of a message is 2**21 or more")
        weights = difference.weights.astype(np.float64)
        spans = self.schema.spans(Role.WEIGHT)
        for span, index in zip(spans, self.weight_indices(difference.step_index), strict=True):
            weights[span] *= size(index)
        buffers = difference.buffers.astype(np.float64)
        least = self.least_buffer_indices()
        indices = difference.buffer_indices.tolist()
        for span, index, low in zip(self.schema.spans(Role.BUFFER), indices, least, strict=True):
            if not low <= index < STEPS:
                raise MessageError(f"step index {index} of a buffer is outside {low}..{STEPS - 1}")
            buffers[span] *= size(index)
        return weights, buffers, difference.exact

    def moved(self, values: tuple[np.ndarray, np.ndarray, np.ndarray], rounds: int) -> Model:
        """The model `rounds` broadcasts later; this one is not changed.

        Raises:
            MessageError: a tensor that grew beyond what its unit allows.
        """
        weights, buffers = self.weights + values[0], self.buffers + values[1]
        exponents = self.units.tolist()
        for role, vector in ((Role.WEIGHT, weights), (Role.BUFFER, buffers)):
            for spec, span in zip(self.schema.of_role(role), self.schema.spans(role), strict=True):
                if not np.abs(vector[span]).max() < math.ldexp(1, exponents.pop(0) + HEADROOM + 4):
                    raise MessageError("a message makes a tensor grow beyond its range", tensor=spec.name)
        return Model(self.schema, self.version + rounds, weights, buffers, self.exact + values[2], self.units)


def _least(unit_exponent: int) -> int:
    """The smallest step index whose step is a multiple of the unit."""
    return 4 * (unit_exponent - LOWEST_EXPONENT)
