"""Matrices in the tensor-ring format (format_spec/factorizations.md, tensor_ring)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from .decompositions import stored, truncated_svd
from .protocol import Factors
from .tensorized import TensorizedFactorization, balanced_digits, join, train_cores


@dataclass(frozen=True)
class TensorRing(TensorizedFactorization):
    """W[(i1..id), (j1..jd)] = trace of core1[:, i1, j1, :] ... cored[:, id, jd, :]: a tensor train closed to a ring.

    Fitted by TR-SVD (Zhao et al., 2016, "Tensor Ring Decomposition"), the bond that closes the ring carried along on
    the last axis; with r_0 = 1 it is TT-SVD.

    Attributes:
        shape: of the weight, rank >= 2.
        rows: m_1, ..., m_d, the digits of a row; their product is m to 2 m.
        columns: n_1, ..., n_d, the digits of a column; their product is n to 2 n.
        ranks: r_0, r_1, ..., r_(d-1); core k is (r_(k-1), m_k, n_k, r_k) with r_d = r_0.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "tensor_ring"
    number: ClassVar[int | None] = 7

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    ranks: tuple[int, ...]
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_network(len(self.rows), first=0)

    @property
    def _meeting(self) -> int:
        """The bond at which the products from both ends meet: up to it the left one is smaller."""
        return max(1, sum(left <= right for left, right in (self._sides(k) for k in range(1, len(self.rows)))))

    def _largest_rank(self, number: int) -> int:
        """With it, what `matrix` builds up to this bond has 4 times as many elements as the padded weight.

        The closing rank, number 0, has no bound of its own: it lowers those of the others.
        """
        if number == 0:
            return self.ranks[0]
        sides = self._sides(number)
        built = max(sides[:1] * (number <= self._meeting) + sides[1:] * (number >= self._meeting))
        return 4 * sides[0] * sides[1] // (self.ranks[0] * built)

    @classmethod
    def with_rank(cls, shape: tuple[int, ...], rank: int, modes: int = 3, row_axes: int = 0) -> TensorRing:
        """Near-equal extents, and `rank` at every bond or what the bond can use where that is less.

        The ring closes with the largest divisor of the first mode that is at most its root, as in TR-SVD.
        """
        rows, columns = balanced_digits(shape, modes, row_axes)
        first = rows[0] * columns[0]
        closing = max(k for k in range(1, first + 1) if first % k == 0 and k * k <= first and k <= rank)
        ranks = [closing]
        for bond in range(1, modes):
            shortest = cls(shape, rows, columns, (closing, *(1,) * (modes - 1)), row_axes)
            before = shortest.modes[bond - 1] * (ranks[-1] if bond > 1 else 1) // (closing if bond == 1 else 1)
            ranks.append(min(rank, before, shortest._sides(bond)[1] * closing, shortest._largest_rank(bond)))
        return cls(shape, rows, columns, tuple(ranks), row_axes)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        sizes = zip(self.ranks, self.rows, self.columns, (*self.ranks[1:], self.ranks[0]), strict=True)
        return {f"core{k}": size for k, size in enumerate(sizes, 1)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        closing = self.ranks[0]
        tensor = self._tensor(weight)
        names = list(self.factor_shapes)
        u, s, vt = truncated_svd(tensor.reshape(self.modes[0], -1), closing * self.ranks[1])
        core = np.moveaxis(u.reshape(self.modes[0], closing, self.ranks[1]), 0, 1)
        cores = {names[0]: core.reshape(self.factor_shapes[names[0]])}
        # The closing bond goes to the far end: (r_1, modes 2 to d, r_0).
        rest = np.moveaxis((s[:, None] * vt).reshape(closing, self.ranks[1], -1), 0, -1)
        others = {name: self.factor_shapes[name] for name in names[1:]}
        return stored(weight, {**cores, **train_cores(rest, others)})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        cores = [factors[name] for name in self.factor_shapes]
        left = reduce(lambda a, b: join(a, b, xp), cores[: self._meeting])
        right = reduce(lambda b, a: join(a, b, xp), cores[self._meeting :][::-1])
        closing, big_m, big_n, bond = left.shape
        _, m, n, _ = right.shape
        rows = xp.reshape(xp.transpose(left, (1, 2, 0, 3)), (big_m * big_n, closing * bond))
        columns = xp.reshape(xp.transpose(right, (3, 0, 1, 2)), (closing * bond, m * n))
        digits = xp.reshape(xp.matmul(rows, columns), (big_m, big_n, m, n))
        return self._cut(xp.reshape(xp.transpose(digits, (0, 2, 1, 3)), (big_m * m, big_n * n)))
