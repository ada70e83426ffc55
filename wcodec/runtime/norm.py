"""Normalization with stored statistics, and constant rescaling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .params import Integer, Real, Reals
from .protocol import Op


def batch_norm(
    x: np.ndarray,
    *,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    epsilon: float = 1e-3,
    axis: int = -1,
) -> np.ndarray:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta along `axis`, as one multiplication and one addition."""
    scale = 1 / np.sqrt(variance + np.float32(epsilon))
    scale = scale if gamma is None else scale * gamma
    offset = -mean * scale
    offset = offset if beta is None else offset + beta
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    return x * scale.reshape(shape) + offset.reshape(shape)


def rescale(
    x: np.ndarray, *, scale: float | Sequence[float] = 1.0, offset: float | Sequence[float] = 0.0
) -> np.ndarray:
    """x * scale + offset, a number each or one a channel."""
    return x * np.asarray(scale, np.float32) + np.asarray(offset, np.float32)


BATCH_NORM = Op(
    number=3,
    run=batch_norm,
    params={"epsilon": Real(1e-3), "axis": Integer(-1, low=-8, high=7)},
    tensors=("gamma", "beta", "mean", "variance"),
    optional=frozenset({"gamma", "beta"}),
)
RESCALE = Op(number=12, run=rescale, params={"scale": Reals(1.0), "offset": Reals(0.0)})
