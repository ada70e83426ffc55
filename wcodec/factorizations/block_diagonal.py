"""Matrices of blocks on the diagonal (format_spec/factorizations.md, block_diagonal)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .decompositions import checked, padded, stored
from .matrix import MatrixFactorization, pad_columns
from .protocol import Factors


@dataclass(frozen=True)
class BlockDiagonal(MatrixFactorization):
    """W is zero outside of equal blocks on its diagonal; sides that do not divide are padded with zeros.

    Attributes:
        shape: of the weight, rank >= 2.
        blocks: how many, 1 to min(m, n); block k is (ceil(m / blocks), ceil(n / blocks)).
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "block_diagonal"
    number: ClassVar[int | None] = 15

    blocks: int
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("blocks", self.blocks, min(self.matrix_shape))

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        m, n = self.matrix_shape
        return {"blocks": (self.blocks, -(-m // self.blocks), -(-n // self.blocks))}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        count, height, width = self.factor_shapes["blocks"]
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        grid = padded(matrix, count * height, count * width).reshape(count, height, count, width)
        return stored(weight, {"blocks": grid[np.arange(count), :, np.arange(count)]})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        m, n = self.matrix_shape
        count, height, width = self.factor_shapes["blocks"]
        grid = xp.einsum("ahw,ab->ahbw", factors["blocks"], np.eye(count, dtype=np.float32))
        return xp.reshape(grid, (count * height, count * width))[:m, :n]

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        count, height, width = self.factor_shapes["blocks"]
        batch = x.shape[:-1]
        parts = xp.reshape(pad_columns(x, count * height, xp), (-1, count, height))
        product = xp.einsum("xah,ahw->xaw", parts, factors["blocks"])
        return xp.reshape(product, (*batch, count * width))[..., : self.matrix_shape[1]]
