"""How a sender turns a difference into symbols: ROUNDINGS, one function each, by name.

The receiver needs none of this. x is a difference in steps, float64; the result is int32 of the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Rounding:
    """A rule and its parameters.

    Attributes:
        kind: a name of ROUNDINGS.
        share: of `ternary`: the share of all weights that are sent.
        weight: of `power_law`: the weight of the rate, in squared steps a bit.
        seed: of `stochastic`: with the version and the sender's name for the stream, see `uniforms`.
    """

    kind: str = "nearest"
    share: float = 0.02
    weight: float = 0.2
    seed: int = 0


def nearest(x: np.ndarray, _: Rounding, __: int) -> np.ndarray:
    """Ties to even."""
    return np.asarray(np.rint(x))


def stochastic(x: np.ndarray, rounding: Rounding, stream: int) -> np.ndarray:
    """Up or down with the chances that make the mean right; for senders that keep no residual."""
    return np.asarray(np.floor(x + uniforms(rounding.seed + stream, x.size)))


def ternary(x: np.ndarray, rounding: Rounding, _: int) -> np.ndarray:
    """The largest `share` of magnitudes as -1 and 1 (Sattler et al., "Robust and Communication-Efficient Federated
    Learning from Non-IID Data", 2019); the caller makes their mean the step."""
    return np.where(np.abs(x) >= threshold(x, rounding.share), np.sign(x), 0)


def power_law(x: np.ndarray, rounding: Rounding, _: int) -> np.ndarray:
    """The least squared error + weight * rate among nearest, next lower and zero, where a symbol q costs
    2 log2(1 + 2 |q|) bits (Mitchell, Ballé, Charles, Konečný, "Optimizing the Communication-Accuracy Trade-off in
    Federated Learning with Rate-Distortion Theory", 2022)."""
    magnitude = np.abs(x)
    upper = np.rint(magnitude)
    candidates = np.stack([upper, np.maximum(upper - 1, 0), np.zeros_like(upper)])
    cost = np.square(candidates - magnitude) + rounding.weight * 2 * np.log2(1 + 2 * candidates)
    return np.asarray(np.sign(x) * np.take_along_axis(candidates, cost.argmin(0)[None], 0)[0])


ROUNDINGS: dict[str, Callable[[np.ndarray, Rounding, int], np.ndarray]] = {
    "nearest": nearest,
    "stochastic": stochastic,
    "ternary": ternary,
    "power_law": power_law,
}


def threshold(x: np.ndarray, share: float) -> float:
    """The magnitude that `share` of the elements reach, at least one; infinity where all are zero."""
    count = max(1, int(share * x.size))
    value = float(np.partition(np.abs(x), x.size - count)[x.size - count])
    return value or float("inf")


def uniforms(seed: int, count: int) -> np.ndarray:
    """`count` numbers in 0 <= u < 1, multiples of 2**-24, the same on every machine (messages.md, stochastic rounding).

    SplitMix64 (Steele, Lea, Flood, 2014) from the state seed * 2**32: its i-th number, the 24 highest bits.
    """
    with np.errstate(over="ignore"):
        z = np.uint64((seed << 32) % 2**64) + np.uint64(GOLDEN) * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24
