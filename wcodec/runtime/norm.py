"""Normalization, with stored statistics or with those of the sample, and constant rescaling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .params import Integer, Integers, Real, Reals
from .protocol import Op, Shape


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


def batch_norm_shape(x: Shape, *, mean: Shape, axis: int = -1, **_: object) -> Shape:
    """The same."""
    if mean != (x[axis],):
        raise ValueError(f"statistics of shape {mean} do not fit axis {axis} of an input of shape {x}")
    return x


def layer_norm(
    x: np.ndarray,
    *,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    epsilon: float = 1e-3,
    axes: Sequence[int] = (-1,),
) -> np.ndarray:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta with mean and variance over `axes` of each sample."""
    over = tuple(axes)
    centred = x - x.mean(axis=over, keepdims=True)
    variance = np.square(centred).mean(axis=over, keepdims=True)
    return _scaled(centred / np.sqrt(variance + np.float32(epsilon)), gamma, beta, over)


def rms_norm(
    x: np.ndarray, *, gamma: np.ndarray | None = None, epsilon: float = 1e-6, axes: Sequence[int] = (-1,)
) -> np.ndarray:
    """x / sqrt(mean of x^2 + epsilon) * gamma over `axes` of each sample."""
    over = tuple(axes)
    power = np.square(x).mean(axis=over, keepdims=True)
    return _scaled(x / np.sqrt(power + np.float32(epsilon)), gamma, None, over)


def group_norm(
    x: np.ndarray,
    *,
    gamma: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    groups: int = 32,
    epsilon: float = 1e-3,
) -> np.ndarray:
    """As `layer_norm` over the spatial axes and each of `groups` runs of channels; gamma and beta a channel."""
    if x.shape[-1] % groups:
        raise ValueError(f"{groups} groups do not divide the channels of an input of shape {x.shape}")
    grouped = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    y = layer_norm(grouped, epsilon=epsilon, axes=(*range(1, x.ndim - 1), -1)).reshape(x.shape)
    return _scaled(y, gamma, beta, (-1,))


def _scaled(y: np.ndarray, gamma: np.ndarray | None, beta: np.ndarray | None, axes: tuple[int, ...]) -> np.ndarray:
    """y * gamma + beta, whose axes are those of `y` that were named, in order."""
    shape = [1] * y.ndim
    for axis in axes:
        shape[axis] = y.shape[axis]
    if gamma is not None:
        y = y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


def rescale(
    x: np.ndarray, *, scale: float | Sequence[float] = 1.0, offset: float | Sequence[float] = 0.0
) -> np.ndarray:
    """x * scale + offset, a number each or one a channel."""
    return x * np.asarray(scale, np.float32) + np.asarray(offset, np.float32)


BATCH_NORM = Op(
    number=3,
    run=batch_norm,
    shape=batch_norm_shape,
    params={"epsilon": Real(1e-3), "axis": Integer(-1, low=-8, high=7)},
    tensors=("gamma", "beta", "mean", "variance"),
    optional=frozenset({"gamma", "beta"}),
)
RESCALE = Op(number=12, run=rescale, params={"scale": Reals(1.0), "offset": Reals(0.0)})
_AXES = Integers((-1,), low=-8, high=7)
LAYER_NORM = Op(
    number=20,
    run=layer_norm,
    params={"epsilon": Real(1e-3), "axes": _AXES},
    tensors=("gamma", "beta"),
    optional=frozenset({"gamma", "beta"}),
)
RMS_NORM = Op(
    number=29,
    run=rms_norm,
    params={"epsilon": Real(1e-6), "axes": _AXES},
    tensors=("gamma",),
    optional=frozenset({"gamma"}),
)
GROUP_NORM = Op(
    number=30,
    run=group_norm,
    params={"groups": Integer(32, low=1), "epsilon": Real(1e-3)},
    tensors=("gamma", "beta"),
    optional=frozenset({"gamma", "beta"}),
)
