"""Convolutions of 1 to 3 spatial axes, channels last, as matrix products over patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from .params import Choice, Integer, Param, PerAxis
from .protocol import Op, Shape, check_elements
from .windows import PADDINGS, PATCH_ELEMENTS, blocks, padded_for, patches, per_axis, windowed_sizes

WINDOW_PARAMS: dict[str, Param] = {"strides": PerAxis(1), "padding": Choice(PADDINGS), "dilation": PerAxis(1)}


def conv(
    x: np.ndarray,
    *,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> np.ndarray:
    """Cross-correlation of x (batch, axis..., in) with kernel (k..., in / groups, out), plus bias (out,)."""
    view = _windows(x, kernel, strides, padding, dilation)
    if kernel.shape[-2] * groups != x.shape[-1] or kernel.shape[-1] % groups:
        raise ValueError(f"kernel {kernel.shape} in {groups} groups does not fit an input of shape {x.shape}")
    check_elements((*view.shape[: x.ndim - 1], kernel.shape[-1]))
    y = np.empty((*view.shape[: x.ndim - 1], kernel.shape[-1]), np.float32)
    inputs, outputs = kernel.shape[-2], kernel.shape[-1] // groups
    for group in range(groups):
        into = slice(group * outputs, (group + 1) * outputs)
        _multiply(view[..., group * inputs : (group + 1) * inputs], kernel[..., into], y[..., into])
    if bias is not None:
        y += bias
    return y


def depthwise_conv(
    x: np.ndarray,
    *,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> np.ndarray:
    """Each channel of x (batch, axis..., in) with kernels of its own (k..., in, multiplier).

    Returns (batch, out..., in * multiplier), the results of one channel side by side.
    """
    view = _windows(x, kernel, strides, padding, dilation)
    rank = kernel.ndim - 2
    if kernel.shape[-2] != x.shape[-1]:
        raise ValueError(f"kernel {kernel.shape} does not fit an input of shape {x.shape}")
    shape = (*view.shape[: rank + 1], *kernel.shape[-2:])
    check_elements(shape)
    y = np.zeros(shape, np.float32)
    for position in product(*map(range, kernel.shape[:rank])):
        y += view[(..., *position, slice(None), np.newaxis)] * kernel[position]
    y = y.reshape(*shape[:-2], shape[-2] * shape[-1])
    if bias is not None:
        y += bias
    return y


def _windows(
    x: np.ndarray, kernel: np.ndarray, strides: int | Sequence[int], padding: str, dilation: int | Sequence[int]
) -> np.ndarray:
    """View (batch, out..., k..., channels) of the padded input."""
    rank = kernel.ndim - 2
    if rank < 1 or x.ndim != kernel.ndim:
        raise ValueError(f"a kernel of shape {kernel.shape} does not fit an input of shape {x.shape}")
    sizes, steps, spread = kernel.shape[:rank], per_axis(strides, rank), per_axis(dilation, rank)
    extents = [(k - 1) * d + 1 for k, d in zip(sizes, spread, strict=True)]
    return patches(padded_for(x, extents, steps, padding), sizes, steps, spread)


def _multiply(view: np.ndarray, kernel: np.ndarray, out: np.ndarray) -> None:
    """out (batch, out..., o) = patches (batch, out..., k..., i) times kernel (k..., i, o), block by block."""
    matrix = np.ascontiguousarray(kernel).reshape(-1, kernel.shape[-1])
    for block in blocks(view.shape[0], view.shape[1], math.prod(view.shape[2:])):
        columns = view[block].reshape(-1, matrix.shape[0])
        out[block] = (columns @ matrix).reshape(out[block].shape)


def conv_shape(x: Shape, *, kernel: Shape, groups: int = 1, **params: Any) -> Shape:
    """(batch, windows..., out)."""
    sizes = _sizes(x, kernel, **params)
    if kernel[-2] * groups != x[-1] or kernel[-1] % groups:
        raise ValueError(f"kernel {kernel} in {groups} groups does not fit an input of shape {x}")
    return (x[0], *sizes, kernel[-1])


def depthwise_shape(x: Shape, *, kernel: Shape, **params: Any) -> Shape:
    """(batch, windows..., in * multiplier)."""
    sizes = _sizes(x, kernel, **params)
    if kernel[-2] != x[-1]:
        raise ValueError(f"kernel {kernel} does not fit an input of shape {x}")
    return (x[0], *sizes, kernel[-2] * kernel[-1])


def _sizes(x: Shape, kernel: Shape, strides: Any = 1, padding: str = "valid", dilation: Any = 1, **_: Any) -> Shape:
    rank = len(kernel) - 2
    if rank < 1 or len(x) != len(kernel):
        raise ValueError(f"a kernel of shape {kernel} does not fit an input of shape {x}")
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, per_axis(dilation, rank), strict=False)]
    return windowed_sizes(x, extents, per_axis(strides, rank), padding)


def patch_scratch(_: Shape, *, kernel: Shape, **__: Any) -> int:
    """A block of patches, its product, and the kernel as a matrix."""
    row = math.prod(kernel[:-1])
    return max(PATCH_ELEMENTS, row) + max(PATCH_ELEMENTS // max(row, 1), 1) * kernel[-1] + math.prod(kernel)


CONV = Op(
    number=1,
    run=conv,
    shape=conv_shape,
    scratch=patch_scratch,
    params={**WINDOW_PARAMS, "groups": Integer(1, low=1)},
    tensors=("kernel", "bias"),
    optional=frozenset({"bias"}),
)
DEPTHWISE_CONV = Op(
    number=2,
    run=depthwise_conv,
    shape=depthwise_shape,
    params=WINDOW_PARAMS,
    tensors=("kernel", "bias"),
    optional=frozenset({"bias"}),
)
