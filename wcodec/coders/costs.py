"""What symbols cost under a coder, for encoders that choose and for training penalties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from .symbols import as_symbols

View = TypeVar("View")

UNIT = 65536  # costs of the kernel's meters are in 2**-16 bit


def metered_total(
    meter: Callable[[np.ndarray, list[View]], int], views: list[View], arrays: Sequence[np.ndarray]
) -> float:
    """Bits of all arrays under a coder whose kernel has a meter."""
    return meter(np.concatenate([np.empty(0, np.int32), *map(as_symbols, arrays)]), views) / UNIT


def metered(
    meter: Callable[[np.ndarray, list[View], np.ndarray], int], views: list[View], arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Costs under a coder whose kernel has a meter, float32 arrays of the shapes of `arrays`."""
    symbols = np.concatenate([np.empty(0, np.int32), *map(as_symbols, arrays)])
    costs = np.empty(len(symbols), np.uint32)
    meter(symbols, views, costs)
    return shaped((costs / UNIT).astype(np.float32), arrays)


def shaped(costs: np.ndarray, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Costs (n,) of all symbols, one array after another, in the shapes of `arrays`."""
    ends = np.cumsum([array.size for array in arrays])
    return [costs[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends, strict=True)]


def spread(bits: float, array: np.ndarray) -> np.ndarray:
    """`bits` shared evenly by the elements of an array."""
    return np.full(array.shape, bits / max(array.size, 1), np.float32)
