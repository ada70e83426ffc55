"""Product of two thin matrices (format_spec/factorizations.md, low_rank)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class LowRank(Factorization):
    """W = left @ right, reshaped; fitted by a balanced truncated SVD (Eckart and Young, 1936).

    Attributes:
        shape: of the weight, rank >= 2.
        rank: columns of `left` (m, rank) and rows of `right` (rank, n).
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "low_rank"
    number: ClassVar[int | None] = 2

    rank: int
    row_axes: int = 0

    def __post_init__(self) -> None:
        if len(self.shape) < 2:
            raise FactorizationError(f"low_rank needs a matrix or more, not shape {self.shape}")
        if not 0 <= self.row_axes < len(self.shape):
            raise FactorizationError(f"low_rank row_axes {self.row_axes} leaves no columns in shape {self.shape}")
        if not 1 <= self.rank <= max(1, min(self.matrix_shape)):
            raise FactorizationError(f"low_rank rank {self.rank} is not in 1..min{self.matrix_shape}")

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(m, n) of the weight seen as a matrix."""
        split = self.row_axes or len(self.shape) - 1
        return math.prod(self.shape[:split]), math.prod(self.shape[split:])

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        m, n = self.matrix_shape
        return {"left": (m, self.rank), "right": (self.rank, n)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        u, s, vt = np.linalg.svd(weight.reshape(self.matrix_shape).astype(np.float64), full_matrices=False)
        root = np.sqrt(s[: self.rank])
        left, right = u[:, : self.rank] * root, root[:, None] * vt[: self.rank]
        return {"left": left.astype(np.float32), "right": right.astype(np.float32)}

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return xp.reshape(xp.matmul(factors["left"], factors["right"]), self.shape)
