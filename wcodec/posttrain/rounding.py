"""Tensors that are multiples of their steps: rounded by themselves, or with feedback against second moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..dtypes import is_float
from ..errors import naming
from ..factorizations import Dense, FactoredWeight
from ..quantize import from_symbols, step_values, to_symbols
from .obs import Factor, Rounding, search_rows
from .sites import Site
from .steps import Steps

Tensors = Mapping[str, np.ndarray]
Quantized = dict[str, FactoredWeight]  # name -> weight that is a multiple of its step


@dataclass(frozen=True)
class Damping:
    """What is added to the diagonal of second moments, relative to its mean.

    Attributes:
        feedback: of the rounding; more for data that is not the network's own, or scarce.
        target: of the correction for the errors of the layers before.
    """

    feedback: float = 0.03
    target: float = 0.1


@dataclass
class Result:
    """What quantizing a network gave.

    Attributes:
        weights: every float tensor that is not stored bit for bit.
        noise: of each weight with feedback: the energy that rounding it adds to its layer's output, relative to the
            energy of that output.
    """

    weights: Quantized = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)


def multiple(symbols: np.ndarray, code: int) -> FactoredWeight:
    """The weight of symbols and a step code."""
    values = from_symbols(symbols, code)
    return FactoredWeight(Dense(values.shape), {"weight": values}, {"weight": np.asarray(code)})


def rounded(name: str, values: np.ndarray, steps: Steps) -> FactoredWeight | None:
    """`values` rounded to the nearest multiples of their step, or None where they are stored bit for bit.

    Raises:
        WczError: names the tensor.
    """
    if not is_float(values.dtype) or values.dtype.itemsize == 1:
        return None
    with naming(name):
        code = steps.code_of(name, values)
        return None if code is None else multiple(to_symbols(values, code), code)


def rounded_with_feedback(
    site: Site,
    matrices: Sequence[np.ndarray],
    factors: Sequence[Factor],
    code: int,
    shape: tuple[int, ...],
    rounding: Rounding,
) -> tuple[FactoredWeight, float]:
    """The weight of `shape` that comes of its matrices, and its noise as in `Result`."""
    step = float(step_values(code))
    symbols = [search_rows(w, step, f, rounding) for w, f in zip(matrices, factors, strict=True)]
    errors = sum(_energy(w - step * q, f) for w, q, f in zip(matrices, symbols, factors, strict=True))
    energy = sum(_energy(w, f) for w, f in zip(matrices, factors, strict=True))
    return multiple(site.from_matrices(np.stack(symbols), shape), code), errors / energy if energy > 0 else 0.0


def _energy(rows: np.ndarray, factor: Factor) -> float:
    """Sum over rows of w H w^T."""
    return float(np.square((rows @ factor.feedback) * np.sqrt(factor.variances)).sum())
