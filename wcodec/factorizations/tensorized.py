"""What tensor networks of matrices share: rows and columns written with several digits, one mode a digit pair.

A matrix (m, n) is padded with zero rows and columns to (m1 ... md, n1 ... nd); row i has the digits (i1, ..., id),
column j the digits (j1, ..., jd), first digit most significant. Mode k of the tensor is the pair (ik, jk), of extent
m_k n_k ("Tensorizing Neural Networks", Novikov et al., 2015).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, padded, truncated_svd
from .matrix import MatrixFactorization

MAX_MODES = 16


class TensorizedFactorization(MatrixFactorization):
    """A factorization of the tensor of d modes; a kind has the fields `rows`, `columns`, `ranks` and `row_axes`.

    Attributes:
        rows: m_1, ..., m_d; their product is m to 2 m.
        columns: n_1, ..., n_d; their product is n to 2 n.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    ranks: tuple[int, ...]

    def _check_network(self, ranks: int, first: int = 1) -> None:
        """Digits that make the matrix, and so many ranks within their bounds, counted from `first`."""
        self._check_matrix()
        if len(self.rows) != len(self.columns) or not 2 <= len(self.rows) <= MAX_MODES:
            raise FactorizationError(
                f"{self.kind} takes 2 to {MAX_MODES} extents of rows and as many of columns, "
                f"not {len(self.rows)} and {len(self.columns)}"
            )
        for name, extent in zip(("rows", "columns"), self.matrix_shape, strict=True):
            extents: tuple[int, ...] = getattr(self, name)
            if min(extents) < 1 or not max(1, extent) <= math.prod(extents) <= 2 * max(1, extent):
                raise FactorizationError(f"{self.kind} {name} {extents} do not make {extent} to {2 * extent}")
        if len(self.ranks) != ranks:
            rule = f"{self.kind} of {len(self.rows)} modes takes {ranks} ranks, not {len(self.ranks)}"
            raise FactorizationError(rule)
        for number, rank in enumerate(self.ranks, first):
            self._check_range(f"rank {number}", rank, self._largest_rank(number))

    @abstractmethod
    def _largest_rank(self, number: int) -> int:
        """The bound of a rank: what it can use, and what keeps the product within a small multiple of the weight."""

    @property
    def modes(self) -> tuple[int, ...]:
        """Extents m_k n_k of the tensor."""
        return tuple(a * b for a, b in zip(self.rows, self.columns, strict=True))

    def _sides(self, bond: int) -> tuple[int, int]:
        """Elements of the modes before and after a bond: number k lies after mode k."""
        return math.prod(self.modes[:bond]), math.prod(self.modes[bond:])

    def _tensor(self, weight: np.ndarray) -> np.ndarray:
        """The padded weight, float64, with one axis a mode."""
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        digits = padded(matrix, math.prod(self.rows), math.prod(self.columns)).reshape(self.rows + self.columns)
        count = len(self.rows)
        return digits.transpose([axis + side for axis in range(count) for side in (0, count)]).reshape(self.modes)

    def _cut(self, matrix: Any) -> Any:
        """The weight's own (m, n) of the padded matrix."""
        m, n = self.matrix_shape
        return matrix[:m, :n]


def balanced_digits(shape: tuple[int, ...], modes: int, row_axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Near-equal extents of rows, largest first, and of columns, largest last."""
    split = row_axes or len(shape) - 1
    rows = balanced_extents(math.prod(shape[:split]), modes)
    return rows, balanced_extents(math.prod(shape[split:]), modes)[::-1]


def train_cores(rest: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Cores of these shapes (r, m, n, s) of a tensor, one after the other by truncated SVDs (TT-SVD, Oseledets, 2011).

    Args:
        rest: float64 of as many elements as r m n of the first core, the m n of the others, and s of the last make.
        shapes: name of a core -> its shape.
    """
    *names, last = shapes
    cores = {}
    for name in names:
        u, s, vt = truncated_svd(rest.reshape(math.prod(shapes[name][:3]), -1), shapes[name][3])
        cores[name], rest = u.reshape(shapes[name]), s[:, None] * vt
    return {**cores, last: rest.reshape(shapes[last])}


def join(left: Any, right: Any, xp: Any) -> Any:
    """Two parts (r, M, N, s) and (s, m, n, t) of a train -> (r, M m, N n, t)."""
    r, big_m, big_n, _ = left.shape
    _, m, n, t = right.shape
    product = xp.einsum("aMNb,bmnc->aMmNnc", left, right)
    return xp.reshape(product, (r, big_m * m, big_n * n, t))


def balanced_extents(extent: int, count: int) -> tuple[int, ...]:
    """`count` near-equal extents, largest first, whose product is `extent` or the first number above it that has such.

    Near-equal: none is above twice the count-th root.
    """
    product = max(extent, 1)
    while True:
        extents = _split(product, count)
        if max(extents) <= max(2, 2 * product ** (1 / count)):
            return extents
        product += 1


def _split(product: int, count: int) -> tuple[int, ...]:
    """A product as `count` factors: each prime factor, largest first, goes to the smallest so far."""
    factors = [1] * count
    for prime in sorted(_primes(product), reverse=True):
        factors[factors.index(min(factors))] *= prime
    return tuple(sorted(factors, reverse=True))


def _primes(number: int) -> list[int]:
    found, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return [*found, number] if number > 1 else found
