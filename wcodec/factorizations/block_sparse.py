"""Blocks of a matrix that are kept whole (format_spec/factorizations.md, block_sparse)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, padded, stored
from .matrix import MatrixFactorization
from .protocol import Factors
from .sparse import largest


@dataclass(frozen=True)
class BlockSparse(MatrixFactorization):
    """A mask over the blocks of a matrix, and the blocks where it is set: block pruning pays for one bit a block.

    `fit` keeps the `count` blocks with the largest sums of squares, which leaves the smallest error.

    Attributes:
        shape: of the weight, rank >= 2.
        height: rows of a block, 1 to m; where it does not divide m, the lowest blocks reach over the edge.
        width: columns of a block, 1 to n.
        count: how many blocks are kept; of equal ones the first in row-major order.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "block_sparse"
    number: ClassVar[int | None] = 30
    integer_factors: ClassVar[frozenset[str]] = frozenset({"mask"})

    height: int
    width: int
    count: int
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("height", self.height, self.matrix_shape[0])
        self._check_range("width", self.width, self.matrix_shape[1])
        rows, columns = self.grid
        if not 0 <= self.count <= rows * columns:
            raise FactorizationError(f"block_sparse count {self.count} is not in 0..{rows * columns}")

    @property
    def grid(self) -> tuple[int, int]:
        """Blocks from top to bottom and from left to right."""
        m, n = self.matrix_shape
        return -(-m // self.height), -(-n // self.width)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"mask": self.grid, "values": (self.count, self.height, self.width)}

    def blocks(self, weight: np.ndarray) -> np.ndarray:
        """All blocks of a weight, (rows of blocks, columns of blocks, height, width); zeros over the edge."""
        rows, columns = self.grid
        matrix = padded(weight.reshape(self.matrix_shape), rows * self.height, columns * self.width)
        return matrix.reshape(rows, self.height, columns, self.width).swapaxes(1, 2)

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        blocks = self.blocks(checked(weight, self.shape, self.kind))
        mask = largest(np.square(blocks).sum(axis=(2, 3)), self.count)
        return stored(weight, {"mask": mask, "values": blocks[mask]})

    def check(self, factors: Factors) -> None:
        mask = factors["mask"]
        if mask.size and not 0 <= mask.min() <= mask.max() <= 1:
            raise FactorizationError("block_sparse mask holds values other than 0 and 1")
        if int(mask.sum()) != self.count:
            raise FactorizationError(f"block_sparse mask sets {int(mask.sum())} blocks, the record says {self.count}")

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        # Block b takes block number (set blocks up to b) of a list that starts with one of zeros.
        (rows, columns), (m, n) = self.grid, self.matrix_shape
        flat = xp.reshape(factors["mask"], (-1,))
        nothing = xp.zeros((1, self.height, self.width), dtype="float32")
        listed = xp.concatenate([nothing, factors["values"]])
        blocks = xp.reshape(xp.take(listed, xp.cumsum(flat) * flat, axis=0), (rows, columns, self.height, self.width))
        whole = xp.reshape(xp.transpose(blocks, (0, 2, 1, 3)), (rows * self.height, columns * self.width))
        return whole[:m, :n]
