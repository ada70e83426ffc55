"""A generated factor and a stored one (format_spec/factorizations.md, random_projection)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
from .generator import LARGEST_SEED, generated_columns
from .matrix import MatrixFactorization
from .protocol import Factors


@dataclass(frozen=True)
class RandomProjection(MatrixFactorization):
    """W = R C: R (m, rank) generated from a seed, C (rank, n) stored and trained; fitted by least squares.

    Attributes:
        shape: of the weight, rank >= 2.
        rank: columns of R, 1 to min(m, n).
        seed: 0 to 2^32 - 1.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "random_projection"
    number: ClassVar[int | None] = 14

    rank: int
    seed: int = 0
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("rank", self.rank, min(self.matrix_shape))
        if not 0 <= self.seed <= LARGEST_SEED:
            raise FactorizationError(f"random_projection seed {self.seed} is not in 0..{LARGEST_SEED}")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"right": (self.rank, self.matrix_shape[1])}

    @property
    def projection(self) -> np.ndarray:
        """R (m, rank), float32 whole numbers."""
        return generated_columns(self.seed, self.matrix_shape[0], self.rank, 0, self.rank)

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        right = np.linalg.lstsq(self.projection.astype(np.float64), matrix, rcond=None)[0]
        return stored(weight, {"right": right})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        return xp.matmul(self.projection, factors["right"])

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        return xp.matmul(xp.matmul(x, self.projection), factors["right"])
