"""Second moments of a layer's inputs, gathered slice by slice."""

from __future__ import annotations

import numpy as np


class Moments:
    """Sums over samples of the float network's columns x and the quantized network's x'; both the same if one is given.

    Products of one slice are float32, their sums float64. Slices are cut by the caller, always at the same places:
    then the sums do not depend on how the data came.

    Attributes:
        count: samples so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._inputs: np.ndarray | float = 0.0
        self._cross: np.ndarray | float | None = None
        self._mean: np.ndarray | float = 0.0
        self._mean_float: np.ndarray | float = 0.0

    def add(self, columns: np.ndarray, columns_float: np.ndarray | None = None) -> None:
        """Take in columns (groups, samples, n) of x', and of x where that differs."""
        self.count += columns.shape[1]
        self._inputs = self._inputs + _products(columns, columns)
        self._mean = self._mean + columns.sum(axis=1, dtype=np.float64)
        if columns_float is not None:
            self._cross = (0.0 if self._cross is None else self._cross) + _products(columns_float, columns)
            self._mean_float = self._mean_float + columns_float.sum(axis=1, dtype=np.float64)

    @property
    def apart(self) -> bool:
        """Whether x and x' differ."""
        return self._cross is not None

    def inputs(self, *, centred: bool) -> np.ndarray:
        """E[x' x'^T] (groups, n, n); the covariance where `centred`, for what follows takes up a shift of the mean."""
        mean = np.asarray(self._mean) / self.count
        return np.asarray(self._inputs) / self.count - centred * mean[:, :, np.newaxis] * mean[:, np.newaxis, :]

    def cross(self, *, centred: bool) -> np.ndarray:
        """E[x x'^T] (groups, n, n), or the covariance."""
        if self._cross is None:
            return self.inputs(centred=centred)
        mean, mean_float = np.asarray(self._mean) / self.count, np.asarray(self._mean_float) / self.count
        return np.asarray(self._cross) / self.count - centred * mean_float[:, :, np.newaxis] * mean[:, np.newaxis, :]


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum over samples of left right^T (groups, n, n) in float64."""
    if len(left) == 1:  # one product with itself is a symmetric one, at half the cost
        return np.asarray(left[0].T @ right[0], np.float64)[np.newaxis]
    return np.matmul(left.transpose(0, 2, 1), right).astype(np.float64)
