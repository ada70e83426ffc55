"""The axis orders in which a coder sees an array (format_spec/registry.md, scans).

Neighbouring weights of a kernel are correlated along the kernel axes. Frameworks lay them out differently; coders
always see (out, in, kernel...), so that a row is one output and the kernel is innermost.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .errors import RecordError

# name -> (number, rank -> order of the axes, outermost first)
SCANS: dict[str, tuple[int, Callable[[int], tuple[int, ...]]]] = {
    "as_is": (0, lambda rank: tuple(range(rank))),
    # Keras dense (in, out) and convolution (kernel..., in, out)
    "out_first": (1, lambda rank: (rank - 1, rank - 2, *range(rank - 2)) if rank >= 2 else tuple(range(rank))),
    # Keras depthwise (kernel..., in, multiplier)
    "in_first": (2, lambda rank: (rank - 2, rank - 1, *range(rank - 2)) if rank >= 2 else tuple(range(rank))),
    # last axis first, the others in order: attention projections (in, heads, out), embeddings by column
    "last_first": (3, lambda rank: (rank - 1, *range(rank - 1)) if rank >= 1 else ()),
}
_BY_NUMBER = {number: name for name, (number, _) in SCANS.items()}


def scan_name(number: int) -> str:
    """The name of a registry number; RecordError where there is none."""
    if number not in _BY_NUMBER:
        raise RecordError(f"no scan has number {number}")
    return _BY_NUMBER[number]


def scanned_shape(shape: tuple[int, ...], scan: str) -> tuple[int, ...]:
    """Shape of an array of `shape` as its coder sees it."""
    return tuple(shape[axis] for axis in SCANS[scan][1](len(shape)))


def to_scan(array: np.ndarray, scan: str) -> np.ndarray:
    """The array as its coder sees it, contiguous."""
    return np.ascontiguousarray(array.transpose(SCANS[scan][1](array.ndim))).reshape(scanned_shape(array.shape, scan))


def from_scan(array: np.ndarray, scan: str) -> np.ndarray:
    """Inverse of `to_scan`."""
    order = SCANS[scan][1](array.ndim)
    return np.ascontiguousarray(array.transpose(np.argsort(order).astype(int))).reshape(
        tuple(array.shape[i] for i in np.argsort(order))
    )
