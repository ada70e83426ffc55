"""What kinds of matrices share: the weight seen as a matrix (m, n)."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors


class MatrixFactorization(Factorization):
    """A factorization of the weight as a matrix; a kind has the field `row_axes` and computes `matrix`.

    Attributes:
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    row_axes: int

    def _check_matrix(self) -> None:
        if len(self.shape) < 2:
            raise FactorizationError(f"{self.kind} needs a matrix or more, not shape {self.shape}")
        if not 0 <= self.row_axes < len(self.shape):
            raise FactorizationError(f"{self.kind} row_axes {self.row_axes} leaves no columns in shape {self.shape}")

    def _check_range(self, name: str, value: int, most: int) -> None:
        if not 1 <= value <= max(1, most):
            raise FactorizationError(f"{self.kind} {name} {value} is not in 1..{max(1, most)} (shape {self.shape})")

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(m, n) of the weight seen as a matrix."""
        split = self.row_axes or len(self.shape) - 1
        return math.prod(self.shape[:split]), math.prod(self.shape[split:])

    @abstractmethod
    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        """The weight as a matrix (m, n)."""

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        """x (..., m) @ matrix -> (..., n)."""
        return xp.matmul(x, self.matrix(factors, xp))

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return xp.reshape(self.matrix(factors, xp), self.shape)

    def apply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        if self.row_axes in (0, len(self.shape) - 1):
            return self.left_multiply(factors, x, xp)
        return super().apply(factors, x, xp)


def pad_columns(x: Any, extent: int, xp: Any = np) -> Any:
    """x (..., m) with zeros after it up to (..., extent)."""
    missing = extent - x.shape[-1]
    return x if missing == 0 else xp.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(0, missing)])
