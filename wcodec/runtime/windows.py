"""Windows over the spatial axes of (batch, axis..., channels) arrays: padding, patches, blocks of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from .protocol import Shape, check_elements

# Elements of the patch matrix that a convolution builds at a time (4 MiB of float32).
PATCH_ELEMENTS = 2**20

PADDINGS = ("valid", "same", "causal")


def per_axis(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One integer for each of `rank` axes."""
    axes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(axes) != rank:
        raise ValueError(f"{axes} does not give one number for each of {rank} axes")
    return axes


def padding_amounts(size: int, window: int, stride: int, padding: str) -> tuple[int, int]:
    """Elements to add before and after an axis of `size`.

    "same" makes ceil(size / stride) windows; the odd element goes after. "causal" lets a window see nothing later
    than its own last element, so all goes before.
    """
    same = max((math.ceil(size / stride) - 1) * stride + window - size, 0)
    return {"valid": (0, 0), "same": (same // 2, same - same // 2), "causal": (window - 1, 0)}[padding]


def pad(x: np.ndarray, amounts: Sequence[tuple[int, int]], value: float = 0.0) -> np.ndarray:
    """`x` with its spatial axes padded, or `x` itself where all amounts are zero."""
    if not any(map(any, amounts)):
        return x
    check_elements([size + sum(pair) for size, pair in zip(x.shape, [(0, 0), *amounts, (0, 0)], strict=True)])
    return np.pad(x, [(0, 0), *amounts, (0, 0)], constant_values=value)


def padded_for(
    x: np.ndarray, windows: Sequence[int], strides: Sequence[int], padding: str, value: float = 0.0
) -> np.ndarray:
    """`x` padded so that every window of `padding` lies inside; ValueError where an axis holds no window."""
    sizes = x.shape[1:-1]
    if not sizes:
        raise ValueError(f"an input of shape {x.shape} has no spatial axes")
    amounts = [padding_amounts(*axis, padding) for axis in zip(sizes, windows, strides, strict=True)]
    padded = pad(x, amounts, value)
    if any(size < window for size, window in zip(padded.shape[1:-1], windows, strict=True)):
        raise ValueError(f"windows {tuple(windows)} do not fit into an input of shape {x.shape}")
    return padded


def windowed_sizes(x: Shape, windows: Sequence[int], strides: Sequence[int], padding: str) -> Shape:
    """How many windows each spatial axis of `x` holds; ValueError as `padded_for`."""
    if len(x) < 3:
        raise ValueError(f"an input of shape {x} has no spatial axes")
    counts = []
    for size, window, stride in zip(x[1:-1], windows, strides, strict=True):
        padded = size + sum(padding_amounts(size, window, stride, padding))
        if padded < window:
            raise ValueError(f"windows {tuple(windows)} do not fit into an input of shape {x}")
        counts.append((padded - window) // stride + 1)
    return tuple(counts)


def patches(x: np.ndarray, kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> np.ndarray:
    """View (batch, out..., kernel..., channels) of a padded (batch, axis..., channels) array; copies nothing."""
    rank = len(kernel)
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, extents, axis=tuple(range(1, rank + 1)))
    steps = (slice(None), *(slice(None, None, s) for s in strides), slice(None))
    view = view[(*steps, *(slice(None, None, d) for d in dilation))]  # (batch, out..., channels, kernel...)
    return np.moveaxis(view, rank + 1, -1)


def blocks(batch: int, rows: int, row_elements: int) -> Iterator[tuple[slice, slice]]:
    """Slices of (batch, rows) that cover both, each of at most PATCH_ELEMENTS elements or one row."""
    fit = max(1, PATCH_ELEMENTS // max(1, row_elements))
    images, height = max(1, fit // max(1, rows)), min(fit, max(1, rows))
    for first in range(0, batch, images):
        for top in range(0, rows, height):
            yield slice(first, first + images), slice(top, top + height)
