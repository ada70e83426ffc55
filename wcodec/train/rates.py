"""How long the code of a latent will be, as a function that training can differentiate.

The power law of `penalty.py` knows neither how many latents are zero nor where. Two rates here do, and give bits:

* `CodeLength` follows our own adaptive coders. Their price of a symbol depends on what surrounds it; so each position
  gets a table of prices, from how dense its output and its input are, scaled so that the sum of all prices is what
  the coder really takes for the current symbols. Between integers the price is interpolated.
* `Logistic` is the prior of TensorFlow's model optimization toolkit: a logistic distribution around zero with a learned
  scale, evaluated with half a step of uniform noise on either side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..coders import CODERS
from ..scans import to_scan

LARGEST = 15  # magnitudes above it continue the last slope
PRIOR = 0.3  # of a density, in counts of zeros and of others
DEFAULT_CODER = "mixing"


def price_tables(symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Prices of one array of symbols before they are scaled.

    Args:
        symbols: int array of any shape, (..., in, out) where it has two axes or more.

    Returns:
        zero, other: bits of a zero and of being other than zero, each of the shape of `symbols`; and
        magnitude prices (LARGEST + 1,): bits of sign and size, 0 at magnitude 0.
    """
    nonzero = symbols != 0
    logit = _logit(nonzero, ())
    for axis in {symbols.ndim - 1, symbols.ndim - 2} if symbols.ndim > 1 else set():
        logit = logit + _logit(nonzero, (axis,)) - _logit(nonzero, ())
    density = 1 / (1 + np.exp(-logit))
    prices = np.stack([-np.log2(1 - density), -np.log2(density)])
    return np.broadcast_to(prices, (2, *symbols.shape)), _magnitude_prices(symbols)


def _logit(nonzero: np.ndarray, kept: tuple[int, ...]) -> np.ndarray:
    """Log odds of a nonzero, averaged over all axes but the kept ones; dimensions stay."""
    axes = tuple(axis for axis in range(nonzero.ndim) if axis not in kept)
    ones = nonzero.sum(axis=axes, keepdims=True) + PRIOR
    zeros = nonzero.size / max(ones.size, 1) - ones + 2 * PRIOR
    return np.asarray(np.log(ones / np.maximum(zeros, PRIOR)))


def _magnitude_prices(symbols: np.ndarray) -> np.ndarray:
    """Bits of a sign and of a magnitude by how often it occurs, monotone; index 0 is unused."""
    magnitudes = np.minimum(np.abs(symbols[symbols != 0]), LARGEST)
    counts = np.bincount(magnitudes, minlength=LARGEST + 1)[1:] + PRIOR * 0.5 ** np.arange(LARGEST)
    bits = 1 - np.log2(counts / counts.sum())
    return np.concatenate([[0.0], np.maximum.accumulate(bits)])


class CodeLength:
    """Bits of one factor under an adaptive coder: variables that `refresh` sets from the symbols as they are now.

    Attributes:
        zero: bits of a zero at each position, float32, the shape of the factor.
        other: bits of not being zero at each position.
        magnitudes: bits of sign and magnitude, (LARGEST + 1,).
    """

    def __init__(self, shape: tuple[int, ...], add_variable: Callable[..., keras.Variable], name: str) -> None:
        fixed: dict[str, Any] = {"initializer": "ones", "trainable": False}
        self.zero = add_variable(shape=shape, name=f"{name}_zero_bits", **fixed)
        self.other = add_variable(shape=shape, name=f"{name}_other_bits", **fixed)
        self.magnitudes = add_variable(shape=(LARGEST + 1,), name=f"{name}_magnitude_bits", **fixed)

    def refresh(self, symbols: np.ndarray, nbits: float) -> None:
        """Set the prices for these symbols, so that together they cost `nbits`."""
        (zero, other), magnitudes = price_tables(symbols)
        total = np.where(symbols == 0, zero, other + magnitudes[np.minimum(np.abs(symbols), LARGEST)]).sum()
        scale = nbits / total if total > 0 else 0.0
        self.zero.assign((scale * zero).astype(np.float32))
        self.other.assign((scale * other).astype(np.float32))
        self.magnitudes.assign((scale * magnitudes).astype(np.float32))

    def bits(self, latent: Any) -> Any:
        """Sum of the prices of latents in units of the step: exact at integers, linear between them; a scalar."""
        ops = keras.ops
        size = ops.abs(latent)
        below = ops.minimum(ops.floor(size), float(LARGEST - 1))
        low = ops.cast(below, "int32")
        part = size - ops.stop_gradient(below)
        first, second = ops.take(self.magnitudes, low), ops.take(self.magnitudes, low + 1)
        from_zero = self.zero + part * (self.other + second - self.zero)
        beyond = self.other + first + part * (second - first)
        return ops.sum(ops.where(low == 0, from_zero, beyond))


def coded_bits(arrays: list[np.ndarray], coder: str = DEFAULT_CODER) -> list[float]:
    """Bits of each of several arrays, (..., in, out), in one payload: each alone, scaled to what they take together."""
    scanned = [to_scan(array, "out_first") for array in arrays]
    alone = [8.0 * len(CODERS[coder].encode([array])) for array in scanned]
    together = 8.0 * len(CODERS[coder].encode(scanned))
    return [bits * together / max(sum(alone), 1.0) for bits in alone]


class Logistic:
    """Bits of latents under a logistic prior of learned scale, with the noise of rounding integrated out."""

    def __init__(self, add_variable: Callable[..., keras.Variable], name: str) -> None:
        self.log_scale = add_variable(
            shape=(), initializer=keras.initializers.Constant(0.0), trainable=True, name=f"{name}_log_scale"
        )

    def bits(self, latent: Any) -> Any:
        """Sum of -log2 of P(latent - 1/2 < x < latent + 1/2); a scalar."""
        ops = keras.ops
        scale = ops.exp(-self.log_scale)
        # By symmetry the upper tail is taken on the left, where sigmoids have their precision.
        left = -ops.abs(latent)
        mass = ops.sigmoid((left + 0.5) * scale) - ops.sigmoid((left - 0.5) * scale)
        return ops.sum(-ops.log(ops.maximum(mass, 1e-9))) / math.log(2.0)
