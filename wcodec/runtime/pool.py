"""Pooling over windows or over all of the spatial axes. Maximum and mean are separable: one axis after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .params import Choice, Flag, Param, PerAxis
from .protocol import Op, Shape
from .windows import PADDINGS, padded_for, per_axis, windowed_sizes

POOL_PARAMS: dict[str, Param] = {"size": PerAxis(2), "strides": PerAxis(0, low=0), "padding": Choice(PADDINGS[:2])}


def max_pool(
    x: np.ndarray, *, size: int | Sequence[int] = 2, strides: int | Sequence[int] = 0, padding: str = "valid"
) -> np.ndarray:
    """Largest value of each window of x (batch, axis..., channels); strides 0: as the size."""
    sizes, steps = _geometry(x.shape, size, strides)
    y = padded_for(x, sizes, steps, padding, -np.inf)
    for axis, (window, step) in enumerate(zip(sizes, steps, strict=True), start=1):
        y = _reduce(np.maximum, y, axis, window, step)
    return y


def average_pool(
    x: np.ndarray, *, size: int | Sequence[int] = 2, strides: int | Sequence[int] = 0, padding: str = "valid"
) -> np.ndarray:
    """Mean of each window of x (batch, axis..., channels), padding not counted; strides 0: as the size."""
    sizes, steps = _geometry(x.shape, size, strides)
    y = padded_for(x, sizes, steps, padding)
    ones = padded_for(np.ones((1, *x.shape[1:-1], 1), np.float32), sizes, steps, padding)
    for axis, (window, step) in enumerate(zip(sizes, steps, strict=True), start=1):
        y, ones = (_reduce(np.add, values, axis, window, step) for values in (y, ones))
    return np.asarray(y / ones)


def pooled_shape(x: Shape, *, size: Any = 2, strides: Any = 0, padding: str = "valid") -> Shape:
    """(batch, windows..., channels)."""
    sizes, steps = _geometry(x, size, strides)
    return (x[0], *windowed_sizes(x, sizes, steps, padding), x[-1])


def globally_pooled_shape(x: Shape, *, keepdims: bool = False) -> Shape:
    """(batch, channels), with ones between them where they are kept."""
    return (x[0], *((1,) * (len(x) - 2) if keepdims else ()), x[-1])


def _geometry(x: Shape, size: int | Sequence[int], strides: int | Sequence[int]) -> tuple[Shape, Shape]:
    """Window and stride of each spatial axis."""
    sizes = per_axis(size, len(x) - 2)
    steps = per_axis(strides, len(x) - 2)
    return sizes, tuple(step or window for step, window in zip(steps, sizes, strict=True))


def _reduce(ufunc: np.ufunc, x: np.ndarray, axis: int, window: int, step: int) -> np.ndarray:
    """`ufunc` over windows of a padded axis; a new array."""
    last = x.shape[axis] - window + 1  # one past the start of the last window
    lead = (slice(None),) * axis
    y = x[(*lead, slice(0, last, step))].copy()
    for shift in range(1, window):
        ufunc(y, x[(*lead, slice(shift, shift + last, step))], out=y)
    return y


def global_max_pool(x: np.ndarray, *, keepdims: bool = False) -> np.ndarray:
    """Largest value of each channel of x (batch, axis..., channels); (batch, channels)."""
    return np.asarray(x.max(axis=tuple(range(1, x.ndim - 1)), keepdims=keepdims))


def global_average_pool(x: np.ndarray, *, keepdims: bool = False) -> np.ndarray:
    """Mean of each channel of x (batch, axis..., channels); (batch, channels)."""
    return np.asarray(x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=keepdims))


MAX_POOL = Op(number=4, run=max_pool, shape=pooled_shape, params=POOL_PARAMS)
AVERAGE_POOL = Op(number=5, run=average_pool, shape=pooled_shape, params=POOL_PARAMS)
GLOBAL_MAX_POOL = Op(number=6, run=global_max_pool, shape=globally_pooled_shape, params={"keepdims": Flag()})
GLOBAL_AVERAGE_POOL = Op(number=7, run=global_average_pool, shape=globally_pooled_shape, params={"keepdims": Flag()})
