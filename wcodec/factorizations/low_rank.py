"""Product of two thin matrices (format_spec/factorizations.md, low_rank)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .decompositions import balanced_pair, checked, stored
from .matrix import MatrixFactorization
from .protocol import Factors


@dataclass(frozen=True)
class LowRank(MatrixFactorization):
    """W = left @ right, reshaped; fitted by a balanced truncated SVD (Eckart and Young, 1936).

    Of a convolution kernel in the Keras layout (kernel..., in, out) the pair is a convolution in -> rank and a 1x1
    convolution rank -> out: the SVD of the unfolding along `out`.

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
        self._check_matrix()
        self._check_range("rank", self.rank, min(self.matrix_shape))

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        m, n = self.matrix_shape
        return {"left": (m, self.rank), "right": (self.rank, n)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        left, right = balanced_pair(matrix, self.rank)
        return stored(weight, {"left": left, "right": right})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        return xp.matmul(factors["left"], factors["right"])

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        return xp.matmul(xp.matmul(x, factors["left"]), factors["right"])
