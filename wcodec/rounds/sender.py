"""From a difference of numbers to symbols and steps: what server and clients share (messages.md, encoding)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import MessageError, NonFiniteError, OptionError
from .lattice import MAX_SYMBOL, STEPS, Difference, Model, nearest_index, step
from .rounding import ROUNDINGS, Rounding
from .schema import Role

BUFFER_LEVELS = 127
Vectors = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Rate:
    """How coarsely a sender rounds.

    Attributes:
        coarseness: the step in root mean squares of the difference. 3 costs nothing that can be measured, 4 is the
            default, 5 is small, 6 tiny; above 6 training has been seen to diverge.
        floor: no step is smaller than this (in weights). One a little below the steps of the first rounds makes
            messages shrink when updates do.
        rounding: see `wcodec.rounds.rounding`.
        feedback: keep what rounding left over and add it to the next difference. Rounding "stochastic" excludes it.
    """

    coarseness: float = 4.0
    floor: float = 0.0
    rounding: Rounding = field(default_factory=Rounding)
    feedback: bool = True

    def __post_init__(self) -> None:
        if not 0.05 <= self.coarseness <= 64 or not 0 <= self.floor < 2**20:
            raise OptionError("coarseness is 0.05 to 64 root mean squares, floor 0 to 2**20")
        if self.rounding.kind not in ROUNDINGS:
            raise OptionError(f"rounding {self.rounding.kind!r} is not one of {', '.join(ROUNDINGS)}")
        if self.feedback and self.rounding.kind == "stochastic":
            raise OptionError("stochastic rounding is for senders without feedback: feedback=False")


def quantize(vectors: Vectors, model: Model, rate: Rate, stream: int = 0) -> tuple[Difference, np.ndarray]:
    """Symbols for a difference, and what they leave over of its weights (float32; zero without feedback).

    Args:
        vectors: differences of weights, buffers (float64) and exact values (int64).
        model: that they are differences from.
        rate: of the weights; buffers have 8 bits.
        stream: of random numbers, where the rounding takes any.

    Raises:
        NonFiniteError: NaN or infinity.
        MessageError: a difference of exact values beyond int32.
    """
    weights, buffers, exact = vectors
    if not np.isfinite(weights).all() or not np.isfinite(buffers).all():
        raise NonFiniteError("NaN or infinity in an update")
    if exact.size and np.abs(exact).max() >= 2**31:
        raise MessageError("an integer of the model moves by more than int32 holds")
    index, symbols = _round(weights, model, rate, stream)
    indices, buffer_symbols = _round_buffers(buffers, model)
    difference = Difference(index, symbols, indices, buffer_symbols, exact)
    left = weights - model.values(difference)[0]
    return difference, left.astype(np.float32) if rate.feedback else np.zeros(left.size, np.float32)


def _round(weights: np.ndarray, model: Model, rate: Rate, stream: int) -> tuple[int, np.ndarray]:
    size = float(np.sqrt(np.mean(np.square(weights)))) if weights.size else 0.0
    if size == 0:
        return 0, np.zeros(weights.size, np.int32)
    index = nearest_index(rate.coarseness * size, nearest_index(rate.floor))
    rule = ROUNDINGS[rate.rounding.kind]
    scaled = _in_steps(weights, model, index)
    if rate.rounding.kind == "ternary":
        sent = np.abs(scaled[rule(scaled, rate.rounding, stream) != 0])
        index = nearest_index(step(index) * float(sent.mean()), nearest_index(rate.floor))
    symbols = rule(scaled, rate.rounding, stream)
    while np.abs(symbols).max() >= MAX_SYMBOL and index < STEPS - 1:  # a lone giant: the step must suit it
        index = min(index + 4, STEPS - 1)
        symbols = rule(_in_steps(weights, model, index), rate.rounding, stream)
    limit = MAX_SYMBOL - 1
    return index, np.clip(symbols, -limit, limit).astype(np.int32)


def _in_steps(weights: np.ndarray, model: Model, index: int) -> np.ndarray:
    scaled = weights.copy()
    spans = model.schema.spans(Role.WEIGHT)
    for span, place in zip(spans, model.weight_indices(index), strict=True):
        scaled[span] /= step(place)
    return scaled


def _round_buffers(buffers: np.ndarray, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """8-bit symbols: the smallest step that brings the largest difference of a tensor to 127."""
    indices, symbols = [], np.zeros(buffers.size, np.int32)
    spans = model.schema.spans(Role.BUFFER)
    for span, least in zip(spans, model.least_buffer_indices(), strict=True):
        largest = float(np.abs(buffers[span]).max())
        index = nearest_index(largest / BUFFER_LEVELS, least) if largest else STEPS - 1
        while step(index) * (BUFFER_LEVELS + 0.5) < largest and index < STEPS - 1:
            index += 1
        indices.append(index)
        symbols[span] = np.rint(buffers[span] / step(index))
    return np.array(indices, np.int32), symbols
