"""Layers that move elements and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .params import Integer, Integers, PerAxis
from .protocol import Op, Shape, check_elements
from .windows import pad, per_axis


def flatten(x: np.ndarray) -> np.ndarray:
    """(batch, ...) -> (batch, product of the rest), row-major."""
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def flattened_shape(x: Shape) -> Shape:
    """(batch, product of the rest)."""
    return x[0], math.prod(x[1:])


def reshape(x: np.ndarray, *, shape: Sequence[int]) -> np.ndarray:
    """(batch, ...) -> (batch, *shape), row-major; one -1 is worked out from the others."""
    return x.reshape(_reshaped(x.shape, shape))


def reshaped_shape(x: Shape, *, shape: Sequence[int]) -> Shape:
    """(batch, *shape)."""
    wanted = _reshaped(x, shape)
    if math.prod(wanted[1:]) != math.prod(x[1:]):
        raise ValueError(f"an input of shape {x} does not take the shape {tuple(shape)}")
    return wanted


def _reshaped(x: Shape, shape: Sequence[int]) -> Shape:
    known = math.prod(size for size in shape if size >= 0)
    rest = math.prod(x[1:]) // known if known else 0
    return x[0], *(rest if size == -1 else size for size in shape)


def permute(x: np.ndarray, *, axes: Sequence[int]) -> np.ndarray:
    """Reorder the axes after the batch; `axes` counts them from 1, as Keras does."""
    return x.transpose(0, *axes)


def permuted_shape(x: Shape, *, axes: Sequence[int]) -> Shape:
    """The sizes in their new order."""
    if sorted(axes) != list(range(1, len(x))):
        raise ValueError(f"axes {tuple(axes)} do not permute those of an input of shape {x}")
    return x[0], *(x[axis] for axis in axes)


def zero_padding(x: np.ndarray, *, amounts: Sequence[int]) -> np.ndarray:
    """Zeros around the spatial axes of (batch, axis..., channels); amounts = before, after of each axis."""
    return pad(x, _pairs(amounts))


def padded_shape(x: Shape, *, amounts: Sequence[int]) -> Shape:
    """Each spatial axis grows by its two amounts."""
    pairs = [(0, 0), *_pairs(amounts), (0, 0)]
    return tuple(size + before + after for size, (before, after) in zip(x, pairs, strict=True))


def cropping(x: np.ndarray, *, amounts: Sequence[int]) -> np.ndarray:
    """Spatial axes of (batch, axis..., channels) without their ends; amounts = before, after of each axis."""
    cropped_shape(x.shape, amounts=amounts)
    inner = [slice(b, n - a) for (b, a), n in zip(_pairs(amounts), x.shape[1:-1], strict=True)]
    return x[(slice(None), *inner)]


def cropped_shape(x: Shape, *, amounts: Sequence[int]) -> Shape:
    """Each spatial axis shrinks by its two amounts."""
    shape = padded_shape(x, amounts=[-amount for amount in amounts])
    if min(shape) < 0:
        raise ValueError(f"an input of shape {x} is smaller than what is cropped")
    return shape


def _pairs(amounts: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(amounts[::2], amounts[1::2], strict=True))


def up_sampling(x: np.ndarray, *, size: int | Sequence[int] = 2) -> np.ndarray:
    """Each element of the spatial axes repeated `size` times."""
    check_elements(up_sampled_shape(x.shape, size=size))
    for axis, times in enumerate(per_axis(size, x.ndim - 2), start=1):
        x = x.repeat(times, axis)
    return x


def up_sampled_shape(x: Shape, *, size: int | Sequence[int] = 2) -> Shape:
    """Spatial axes multiplied by `size`."""
    return (x[0], *(n * times for n, times in zip(x[1:-1], per_axis(size, len(x) - 2), strict=True)), x[-1])


def repeat_vector(x: np.ndarray, *, count: int = 1) -> np.ndarray:
    """(batch, n) -> (batch, count, n)."""
    check_elements(repeated_shape(x.shape, count=count))
    return np.repeat(x[:, np.newaxis], count, axis=1)


def repeated_shape(x: Shape, *, count: int = 1) -> Shape:
    """(batch, count, n)."""
    if len(x) != 2:
        raise ValueError(f"an input of shape {x} is no vector a sample")
    return x[0], count, x[1]


def reverse(x: np.ndarray, *, axis: int = 1) -> np.ndarray:
    """The elements along an axis other than the batch, last first."""
    reversed_shape(x.shape, axis=axis)
    return np.flip(x, axis)


def reversed_shape(x: Shape, *, axis: int = 1) -> Shape:
    """The same."""
    if axis >= len(x):
        raise ValueError(f"an input of shape {x} has no axis {axis}")
    return x


FLATTEN = Op(number=8, run=flatten, shape=flattened_shape)
RESHAPE = Op(number=9, run=reshape, shape=reshaped_shape, params={"shape": Integers(low=-1)})
PERMUTE = Op(number=10, run=permute, shape=permuted_shape, params={"axes": Integers(low=1, high=31)})
ZERO_PADDING = Op(number=11, run=zero_padding, shape=padded_shape, params={"amounts": Integers(high=65535)})
UP_SAMPLING = Op(number=25, run=up_sampling, shape=up_sampled_shape, params={"size": PerAxis(2)})
CROPPING = Op(number=26, run=cropping, shape=cropped_shape, params={"amounts": Integers(high=65535)})
REPEAT_VECTOR = Op(number=27, run=repeat_vector, shape=repeated_shape, params={"count": Integer(1, low=1, high=65535)})
REVERSE = Op(number=28, run=reverse, shape=reversed_shape, params={"axis": Integer(1, low=1, high=7)})
