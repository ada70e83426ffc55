"""Rate-distortion optimization after training: symbols that cost more bytes than they are worth are made smaller.

Greedy, in blocks, with the loss on data and the real coder as judges. A candidate is a symbol that moves one towards
zero; first come those that promise most: the bits that go, from the prices of `wcodec.train.rates`, against what the
gradient says of the loss. A block of them is kept if loss + exchange * bits falls; else both its halves are tried again
later. Training with a penalty has done most of this already: expect a few per cent, and more for a network that was
trained without one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..coders import CODERS
from ..errors import OptionError
from ..scans import to_scan
from ..train.compressible import CompressibleModel
from ..train.latents import LatentWeight
from ..train.narrowing import rebuilt
from ..train.rates import LARGEST, price_tables

# A nat of the power law at alpha = .1 is about so many bits of the coder: measured on MNIST networks.
NATS_PER_BIT = 0.3
BATCH = 1000  # inputs at once


@dataclass(frozen=True)
class Refinement:
    """What came of it.

    Attributes:
        moved: symbols that are one smaller now.
        loss: before and after.
        nbits: of all symbols under the coder, before and after.
    """

    moved: int
    loss: tuple[float, float]
    nbits: tuple[int, int]


def exchange_of(model: CompressibleModel) -> float:
    """Loss that a bit is worth, from the penalty that the model was trained with."""
    count = model.options["weight_count"] or sum(math.prod(w.factorization.shape) for w, _ in model.latent_weights())
    return NATS_PER_BIT * float(model.options["penalty_weight"]) / max(count, 1)


def refine(
    model: CompressibleModel,
    x: Any,
    y: Any,
    loss: Any,
    *,
    exchange: float | None = None,
    evaluations: int = 40,
    block: int = 64,
    coder: str = "mixing",
) -> Refinement:
    """Move symbols of `model` towards zero where that pays; its latents change.

    Args:
        model: trained.
        x: inputs to judge the loss on: as many as training had, or it is the judge that is fitted.
        y: their labels.
        loss: a Keras loss, (y, outputs) -> mean.
        exchange: loss that a bit is worth; by default what training paid.
        evaluations: passes over `x` at most, beside one with gradients.
        block: candidates that are tried at once.
        coder: that counts the bits.

    Raises:
        OptionError: `evaluations` or `block` below 1.
    """
    if evaluations < 1 or block < 1:
        raise OptionError("evaluations and block are at least 1")
    worth = exchange_of(model) if exchange is None else exchange
    judge = _Judge(model, x, y, loss, coder)
    first = best = judge.measure()
    moved = 0
    queue = list(_blocks(model, block, gradients(model, x, y, loss), worth))
    while queue and evaluations > 0:
        evaluations -= 1
        candidates = queue.pop(0)
        before = _shrink(candidates)
        found = judge.measure()
        if found[0] + worth * found[1] < best[0] + worth * best[1]:
            best, moved = found, moved + len(candidates)
            continue
        _restore(before)
        half = len(candidates) // 2
        queue.extend(part for part in (candidates[:half], candidates[half:]) if half and part)
    return Refinement(moved, (first[0], best[0]), (first[1], best[1]))


def gradients(model: CompressibleModel, x: Any, y: Any, loss: Any) -> dict[tuple[str, str], np.ndarray]:
    """(weight, factor) -> gradient of the mean loss over all of (x, y) for the latents, the steps held.

    Taken on any backend as what one step of plain gradient descent at rate 1, accumulated over all batches, does to a
    copy of the model.
    """
    probe = rebuilt(model, None, 0.0)
    count = -(-len(x) // BATCH)
    descent = keras.optimizers.SGD(1.0, gradient_accumulation_steps=count if count > 1 else None)
    probe.compile(descent, loss, jit_compile=False)
    before = _latents(probe)
    probe.fit(x, y, batch_size=BATCH, verbose=0, shuffle=False)
    return {key: before[key] - after for key, after in _latents(probe).items()}


def _latents(model: CompressibleModel) -> dict[tuple[str, str], np.ndarray]:
    return {
        (weight.name, factor): np.array(keras.ops.convert_to_numpy(weight.latents[factor]))
        for weight, _ in model.latent_weights()
        for factor in weight.steps
    }


class _Judge:
    """Measures loss and bits of a model as it is."""

    def __init__(self, model: CompressibleModel, x: Any, y: Any, loss: Any, coder: str) -> None:
        self.model, self.x, self.y = model, x, y
        self.loss = keras.losses.get(loss)
        self.coder = CODERS[coder]

    def measure(self) -> tuple[float, int]:
        """Mean loss, and bits of all symbols in one payload."""
        outputs = self.model.predict(self.x, batch_size=BATCH, verbose=0)
        loss = float(np.mean(keras.ops.convert_to_numpy(self.loss(self.y, outputs))))
        symbols = [to_scan(s, "out_first") for w, _ in self.model.latent_weights() for s in w.symbols().values()]
        return loss, 8 * len(self.coder.encode(symbols))


@dataclass(frozen=True)
class _Candidate:
    """One symbol other than zero: where it is, and what its move promises, in units of the loss."""

    weight: LatentWeight
    factor: str
    index: int
    gain: float


def _blocks(
    model: CompressibleModel, size: int, slopes: dict[tuple[str, str], np.ndarray], worth: float
) -> Iterator[list[_Candidate]]:
    """All candidates by falling promise, in blocks."""
    found = [
        candidate
        for weight, _ in model.latent_weights()
        for factor in weight.steps
        for candidate in _candidates(weight, factor, slopes[weight.name, factor], worth)
    ]
    found.sort(key=lambda candidate: -candidate.gain)
    yield from (found[i : i + size] for i in range(0, len(found), size))


def _candidates(weight: LatentWeight, factor: str, slope: np.ndarray, worth: float) -> Iterator[_Candidate]:
    steps = np.broadcast_to(np.asarray(keras.ops.convert_to_numpy(weight.steps[factor].value())), slope.shape)
    symbols = weight.symbols()[factor]
    gains = worth * _saved(symbols) + slope * np.sign(symbols) * steps
    for index in np.flatnonzero(symbols):
        yield _Candidate(weight, factor, int(index), float(gains.ravel()[index]))


def _saved(symbols: np.ndarray) -> np.ndarray:
    """Bits that a move of each symbol towards zero saves; 0 where it is zero."""
    (zero, other), magnitudes = price_tables(symbols)
    size = np.minimum(np.abs(symbols), LARGEST)
    now = other + magnitudes[size]
    then = np.where(size > 1, other + magnitudes[np.maximum(size - 1, 1)], zero)
    return np.where(size > 0, now - then, 0.0)


def _shrink(candidates: list[_Candidate]) -> list[tuple[Any, np.ndarray]]:
    """Move the candidates' symbols one towards zero; latents as they were before."""
    before: list[tuple[Any, np.ndarray]] = []
    for weight, factor in dict.fromkeys((c.weight, c.factor) for c in candidates):
        variable = weight.latents[factor]
        latent = np.array(keras.ops.convert_to_numpy(variable))
        before.append((variable, latent.copy()))
        steps = np.broadcast_to(np.asarray(keras.ops.convert_to_numpy(weight.steps[factor].value())), latent.shape)
        indices = [c.index for c in candidates if (c.weight, c.factor) == (weight, factor)]
        symbols = np.round(latent.ravel()[indices] / steps.ravel()[indices])
        latent.ravel()[indices] = (symbols - np.sign(symbols)) * steps.ravel()[indices]
        variable.assign(latent)
    return before


def _restore(before: list[tuple[Any, np.ndarray]]) -> None:
    for variable, latent in before:
        variable.assign(latent)
