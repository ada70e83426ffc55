"""Layers that move elements and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .params import Integers
from .protocol import Op
from .windows import pad


def flatten(x: np.ndarray) -> np.ndarray:
    """(batch, ...) -> (batch, product of the rest), row-major."""
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def reshape(x: np.ndarray, *, shape: Sequence[int]) -> np.ndarray:
    """(batch, ...) -> (batch, *shape), row-major; one -1 is worked out from the others."""
    known = math.prod(size for size in shape if size >= 0)
    rest = math.prod(x.shape[1:]) // known if known else 0
    return x.reshape(x.shape[0], *(rest if size == -1 else size for size in shape))


def permute(x: np.ndarray, *, axes: Sequence[int]) -> np.ndarray:
    """Reorder the axes after the batch; `axes` counts them from 1, as Keras does."""
    return x.transpose(0, *axes)


def zero_padding(x: np.ndarray, *, amounts: Sequence[int]) -> np.ndarray:
    """Zeros around the spatial axes of (batch, axis..., channels); amounts = before, after of each axis."""
    return pad(x, list(zip(amounts[::2], amounts[1::2], strict=True)))


FLATTEN = Op(number=8, run=flatten)
RESHAPE = Op(number=9, run=reshape, params={"shape": Integers(low=-1)})
PERMUTE = Op(number=10, run=permute, params={"axes": Integers(low=1, high=31)})
ZERO_PADDING = Op(number=11, run=zero_padding, params={"amounts": Integers(high=65535)})
