"""Blocks mixed from shared ones (format_spec/factorizations.md, mixed_block)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .decompositions import balanced_pair, checked, padded, stored
from .matrix import MatrixFactorization
from .protocol import Factors


@dataclass(frozen=True)
class MixedBlock(MatrixFactorization):
    """Block (i, j) of W = sum over b of coefficients[i, j, b] * bases[b]; the best one by an SVD.

    graph_compression names a "mixed block" of "basis matrices" without saying more; this is a sum of Kronecker products
    (Van Loan and Pitsianis, 1993, "Approximation with Kronecker Products").

    Attributes:
        shape: of the weight, rank >= 2.
        bases: how many, 1 to the smaller of the blocks of W and the elements of a block.
        block_rows: rows of a block, 1 to m; rows that it does not divide are padded with zeros.
        block_columns: columns of a block, 1 to n.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "mixed_block"
    number: ClassVar[int | None] = 17

    bases: int
    block_rows: int
    block_columns: int
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        m, n = self.matrix_shape
        self._check_range("block_rows", self.block_rows, m)
        self._check_range("block_columns", self.block_columns, n)
        down, across = self.places
        self._check_range("bases", self.bases, min(down * across, self.block_rows * self.block_columns))

    @property
    def places(self) -> tuple[int, int]:
        """Blocks from top to bottom and from left to right."""
        m, n = self.matrix_shape
        return -(-m // self.block_rows), -(-n // self.block_columns)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "coefficients": (*self.places, self.bases),
            "bases": (self.bases, self.block_rows, self.block_columns),
        }

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        (down, across), height, width = self.places, self.block_rows, self.block_columns
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        grid = padded(matrix, down * height, across * width).reshape(down, height, across, width)
        rows = grid.transpose(0, 2, 1, 3).reshape(down * across, height * width)
        left, right = balanced_pair(rows, self.bases)
        shapes = self.factor_shapes
        return stored(
            weight, {"coefficients": left.reshape(shapes["coefficients"]), "bases": right.reshape(shapes["bases"])}
        )

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        (down, across), height, width = self.places, self.block_rows, self.block_columns
        left = xp.reshape(factors["coefficients"], (down * across, self.bases))
        blocks = xp.matmul(left, xp.reshape(factors["bases"], (self.bases, height * width)))
        grid = xp.transpose(xp.reshape(blocks, (down, across, height, width)), (0, 2, 1, 3))
        m, n = self.matrix_shape
        return xp.reshape(grid, (down * height, across * width))[:m, :n]
