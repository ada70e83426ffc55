"""Matrices in the tensor-train format (format_spec/factorizations.md, tensor_train)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from .decompositions import stored
from .matrix import pad_columns
from .protocol import Factors
from .tensorized import TensorizedFactorization, balanced_digits, join, train_cores


@dataclass(frozen=True)
class TensorTrain(TensorizedFactorization):
    """W[(i1..id), (j1..jd)] = core1[:, i1, j1, :] ... cored[:, id, jd, :], a product of matrices for every element.

    The TT-matrix of Novikov et al. (2015, "Tensorizing Neural Networks"); fitted by TT-SVD (Oseledets, 2011, "Tensor-
    Train Decomposition"), whose error is at most sqrt(d - 1) times the best.

    Attributes:
        shape: of the weight, rank >= 2.
        rows: m_1, ..., m_d, the digits of a row; their product is m to 2 m.
        columns: n_1, ..., n_d, the digits of a column; their product is n to 2 n.
        ranks: r_1, ..., r_(d-1); core k is (r_(k-1), m_k, n_k, r_k) with r_0 = r_d = 1.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "tensor_train"
    number: ClassVar[int | None] = 6

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    ranks: tuple[int, ...]
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_network(len(self.rows) - 1)

    def _largest_rank(self, number: int) -> int:
        return min(self._sides(number))

    @classmethod
    def with_rank(cls, shape: tuple[int, ...], rank: int, modes: int = 3, row_axes: int = 0) -> TensorTrain:
        """Near-equal extents, and `rank` at every bond or what the bond allows where that is less."""
        rows, columns = balanced_digits(shape, modes, row_axes)
        thinnest = cls(shape, rows, columns, (1,) * (modes - 1), row_axes)
        ranks = tuple(min(rank, thinnest._largest_rank(bond)) for bond in range(1, modes))
        return cls(shape, rows, columns, ranks, row_axes)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        bonds = (1, *self.ranks, 1)
        sizes = zip(bonds, self.rows, self.columns, bonds[1:], strict=False)
        return {f"core{k}": size for k, size in enumerate(sizes, 1)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        return stored(weight, train_cores(self._tensor(weight), self.factor_shapes))

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        # From the left: no part has more elements than the whole, for a rank is at most the elements after its bond.
        whole = reduce(lambda left, core: join(left, core, xp), (factors[name] for name in self.factor_shapes))
        return self._cut(whole[0, :, :, 0])

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        batch = x.shape[:-1]
        # (x, columns so far, rows to come, rank)
        state = xp.reshape(pad_columns(x, int(np.prod(self.rows)), xp), (-1, 1, int(np.prod(self.rows)), 1))
        for name, (rank, m, n, following) in self.factor_shapes.items():
            _, done, rest, _ = state.shape
            state = xp.reshape(state, (-1, done, m, rest // m, rank))
            state = xp.einsum("xNmMa,amnb->xNnMb", state, factors[name])
            state = xp.reshape(state, (-1, done * n, rest // m, following))
        return xp.reshape(state, (*batch, int(np.prod(self.columns))))[..., : self.matrix_shape[1]]
