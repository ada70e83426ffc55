"""A small codebook and an index a weight (format_spec/factorizations.md, kmeans)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors

LLOYD_ITERATIONS = 50


@dataclass(frozen=True)
class KMeans(Factorization):
    """W = codebook[index]; scalar k-means (Lloyd, 1957), an exact zero in the weight stays exactly zero.

    Attributes:
        shape: of the weight.
        levels: entries of the codebook, 1 to 65,536.
    """

    kind: ClassVar[str] = "kmeans"
    number: ClassVar[int | None] = 3
    integer_factors: ClassVar[frozenset[str]] = frozenset({"index"})

    levels: int

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 65536:
            raise FactorizationError(f"kmeans levels {self.levels} is not in 1..65536")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"codebook": (self.levels,), "index": self.shape}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        values, inverse, counts = np.unique(weight, return_inverse=True, return_counts=True)
        if values.size <= self.levels:  # exact: every distinct value has an entry of its own
            centers = np.concatenate([values, np.full(self.levels - values.size, values[-1] if values.size else 0)])
        else:
            centers = _lloyd(values.astype(np.float64), counts, self.levels)
        nearest = _nearest(values, centers)
        index = nearest[inverse].reshape(self.shape)
        return {"codebook": centers.astype(np.float32), "index": index.astype(np.int32)}

    def check(self, factors: Factors) -> None:
        index = factors["index"]
        if index.size and not 0 <= index.min() <= index.max() < self.levels:
            raise FactorizationError(f"kmeans index outside 0..{self.levels - 1}")

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return xp.take(factors["codebook"], factors["index"], axis=0)


def _lloyd(values: np.ndarray, counts: np.ndarray, levels: int) -> np.ndarray:
    """Sorted centers of a weighted 1-D k-means over sorted distinct values; a zero value keeps a zero center."""
    quantiles = (np.arange(levels) + 0.5) / levels
    cumulative = np.cumsum(counts) / counts.sum()
    centers = values[np.searchsorted(cumulative, quantiles).clip(0, values.size - 1)]
    has_zero = bool(np.any(values == 0))
    for _ in range(LLOYD_ITERATIONS):
        if has_zero:
            centers[np.argmin(np.abs(centers))] = 0.0
        nearest = _nearest(values, np.sort(centers))
        weight = np.bincount(nearest, counts, levels)
        total = np.bincount(nearest, counts * values, levels)
        moved = np.where(weight > 0, total / np.maximum(weight, 1), np.sort(centers))
        if np.array_equal(moved, centers):
            break
        centers = moved
    if has_zero:
        centers[np.argmin(np.abs(centers))] = 0.0
    return np.sort(centers)


def _nearest(values: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Index of the nearest of ascending `centers` for each value; in float64, where midpoints of float32 are exact."""
    centers = centers.astype(np.float64)
    return np.searchsorted((centers[1:] + centers[:-1]) / 2, values.astype(np.float64))
