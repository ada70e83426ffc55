"""Codebooks of blocks of weights (format_spec/factorizations.md, product_quantization)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, padded, stored
from .matrix import MatrixFactorization
from .protocol import Factors


@dataclass(frozen=True)
class ProductQuantization(MatrixFactorization):
    """Every row is cut into blocks, and each block is an entry of a codebook: of the one, or of that of its place.

    One codebook is vector quantization (graph_compression's k-means with block_size); one a place is product
    quantization (Jegou, Douze and Schmid, 2011). Fitted by k-means; where a block of zeros exists, its entry is zero.

    Attributes:
        shape: of the weight, rank >= 2.
        levels: entries of a codebook, 1 to 65,536.
        block: weights of an entry; a row that it does not divide is padded with zeros.
        codebooks: 1 to the number of blocks a row; the first of them serves the first places, and so on.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "product_quantization"
    number: ClassVar[int | None] = 11
    integer_factors: ClassVar[frozenset[str]] = frozenset({"index"})

    levels: int
    block: int
    codebooks: int = 1
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("levels", self.levels, 65536)
        self._check_range("block", self.block, self.matrix_shape[1])
        self._check_range("codebooks", self.codebooks, self.places)

    @property
    def places(self) -> int:
        """Blocks a row."""
        return -(-self.matrix_shape[1] // self.block)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "codebook": (self.codebooks, self.levels, self.block),
            "index": (self.matrix_shape[0], self.places),
        }

    def _codebook_of_place(self) -> np.ndarray:
        """(places,) int32: place p of P uses codebook floor(p codebooks / P)."""
        return (np.arange(self.places) * self.codebooks // max(1, self.places)).astype(np.int32)

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        from ..fitting.clustering import cluster_blocks  # a decoder needs none of it

        rows = self.matrix_shape[0]
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        blocks = padded(matrix, rows, self.places * self.block).reshape(rows, self.places, self.block)
        codebook = np.zeros(self.factor_shapes["codebook"])
        index = np.zeros((rows, self.places), np.int64)
        of_place = self._codebook_of_place()
        for number in range(self.codebooks):
            places = np.flatnonzero(of_place == number)
            vectors = blocks[:, places].reshape(-1, self.block)
            codebook[number], found = cluster_blocks(vectors, self.levels)
            index[:, places] = found.reshape(rows, places.size)
        return stored(weight, {"codebook": codebook, "index": index})

    def check(self, factors: Factors) -> None:
        index = factors["index"]
        if index.size and not 0 <= index.min() <= index.max() < self.levels:
            raise FactorizationError(f"product_quantization index outside 0..{self.levels - 1}")

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        m, n = self.matrix_shape
        entries = xp.reshape(factors["codebook"], (self.codebooks * self.levels, self.block))
        index = xp.add(factors["index"], self._codebook_of_place() * np.int32(self.levels))
        return xp.reshape(xp.take(entries, index, axis=0), (m, self.places * self.block))[:, :n]
