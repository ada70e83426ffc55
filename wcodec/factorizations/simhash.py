"""Sign bits of random projections (format_spec/factorizations.md, simhash)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
from .generator import LARGEST_SEED, generated_columns
from .matrix import MatrixFactorization
from .protocol import Factors

BLOCK_ENTRIES = 1 << 20


@dataclass(frozen=True)
class SimHash(MatrixFactorization):
    """W = R S D: R generated from a seed, S = sign(R^T W) one bit an entry, D restores the lengths of the columns.

    Charikar (2002, "Similarity estimation techniques from rounding algorithms"), as graph_compression uses it. The
    sums R S are of whole numbers below 2^24, so that every decoder finds the same weight.

    Attributes:
        shape: of the weight, rank >= 2.
        bits: of a column, 1 to 524,288; the error falls with its square root.
        seed: 0 to 2^32 - 1.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "simhash"
    number: ClassVar[int | None] = 13
    integer_factors: ClassVar[frozenset[str]] = frozenset({"signs"})
    # 2^19 numbers of at most 32 add up to at most 2^24, which float32 holds exactly.
    MAX_BITS: ClassVar[int] = 1 << 19

    bits: int
    seed: int = 0
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("bits", self.bits, self.MAX_BITS)
        if not 0 <= self.seed <= LARGEST_SEED:
            raise FactorizationError(f"simhash seed {self.seed} is not in 0..{LARGEST_SEED}")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        n = self.matrix_shape[1]
        return {"signs": (self.bits, n), "scales": (n,)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        signs = np.concatenate([part.T @ matrix >= 0 for _, part in self._parts()])
        directions = self._directions(signs.astype(np.int32), np)
        lengths = np.linalg.norm(directions.astype(np.float64), axis=0)
        scales = np.linalg.norm(matrix, axis=0) / np.where(lengths > 0, lengths, 1.0)
        return stored(weight, {"signs": signs.astype(np.int32), "scales": scales})

    def check(self, factors: Factors) -> None:
        signs = factors["signs"]
        if signs.size and not 0 <= signs.min() <= signs.max() <= 1:
            raise FactorizationError("simhash signs hold values other than 0 and 1")

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        return xp.multiply(self._directions(factors["signs"], xp), factors["scales"])

    def _parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """(rows of S, columns of R) in pieces that bound what is generated at a time."""
        m = self.matrix_shape[0]
        width = max(1, BLOCK_ENTRIES // max(1, m))
        for first in range(0, self.bits, width):
            last = min(first + width, self.bits)
            yield slice(first, last), generated_columns(self.seed, m, self.bits, first, last)

    def _directions(self, signs: Any, xp: Any) -> Any:
        """R S (m, n), whole numbers; S is 1 where the bit is set and -1 elsewhere."""
        plus_minus = np.array([-1.0, 1.0], np.float32)
        total: Any = 0
        for rows, part in self._parts():
            total = total + xp.matmul(part, xp.take(plus_minus, signs[rows], axis=0))
        return total
