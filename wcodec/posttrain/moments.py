"""Second moments of a layer's inputs, gathered slice by slice."""

from __future__ import annotations

import numpy as np


class Moments:
    """Sums over samples of the float network's columns x and the quantized network's x'; both the same if one is given.

    Beside them may go r, errors that will be added to the outputs.

    Columns are taken relative to the mean of the first slice, so that inputs which hardly move keep their covariance.
    Products of one slice are float32, their sums float64. Slices are cut by the caller, always at the same places:
    then the sums do not depend on how the data came.

    Attributes:
        count: samples so far.
        apart: whether x and x' differ.
    """

    def __init__(self) -> None:
        self.count = 0
        self.apart = False
        self._sides: dict[str, _Side] = {}
        self._products: dict[str, np.ndarray | float] = {}  # of each side with x'

    def add(
        self, columns: np.ndarray, columns_float: np.ndarray | None = None, carried: np.ndarray | None = None
    ) -> None:
        """Take in columns (groups, samples, n) of x', of x where that differs, and r (groups, samples, rows).

        What is given for the first slice is given for all.
        """
        given = {"x'": columns, "x": columns_float, "r": carried}
        known = {side: c for side, c in given.items() if c is not None}
        if not self.count:
            self._sides = {side: _Side(c) for side, c in known.items()}
            self.apart = columns_float is not None
        self.count += columns.shape[1]
        moved = {side: self._sides[side].moved(c) for side, c in known.items()}
        for side, left in moved.items():
            self._products[side] = self._products.get(side, 0.0) + _products(left, moved["x'"])

    def inputs(self, *, centred: bool) -> np.ndarray:
        """E[x' x'^T] (groups, n, n); the covariance where `centred`, for what follows takes up a shift of the mean."""
        return self._moment("x'", centred)

    def cross(self, *, centred: bool) -> np.ndarray:
        """E[x x'^T] (groups, n, n), or the covariance."""
        return self._moment("x" if self.apart else "x'", centred)

    def carried(self, *, centred: bool) -> np.ndarray | None:
        """E[r x'^T] (groups, rows, n), or the covariance; None where no r was given."""
        return self._moment("r", centred) if "r" in self._sides else None

    def _moment(self, which: str, centred: bool) -> np.ndarray:
        left, right = self._sides[which], self._sides["x'"]
        products = np.asarray(self._products[which]) / self.count
        covariance = products - _outer(left.sums / self.count, right.sums / self.count)
        if centred:
            return np.asarray(covariance)
        return np.asarray(covariance + _outer(left.mean(self.count), right.mean(self.count)))


class _Side:
    """The sums of x', x or r, relative to an origin (groups, 1, n)."""

    def __init__(self, first: np.ndarray) -> None:
        self.origin = first.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        self.sums: np.ndarray = np.zeros((len(first), first.shape[2]))

    def moved(self, columns: np.ndarray) -> np.ndarray:
        """`columns` relative to the origin; enters their sums."""
        moved = np.asarray(columns - self.origin)
        self.sums = self.sums + moved.sum(axis=1, dtype=np.float64)
        return moved

    def mean(self, count: int) -> np.ndarray:
        """Of the columns as they were, (groups, n)."""
        return np.asarray(self.origin[:, 0].astype(np.float64) + self.sums / count)


def _outer(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray(left[:, :, np.newaxis] * right[:, np.newaxis, :])


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum over samples of left^T right (groups, ., n) in float64."""
    if len(left) == 1:  # a matrix times itself is recognized and costs half
        return np.asarray(left[0].T @ right[0], np.float64)[np.newaxis]
    return np.asarray(np.matmul(left.transpose(0, 2, 1), right), np.float64)
