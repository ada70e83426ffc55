"""A weight that is only ever multiplied by, kept as its factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..chunks.decoder import Factored
from ..factorizations import Factorization
from .protocol import Shape


class FactoredMatrix:
    """Stands in for a matrix W (m, n) in x @ W, and never builds it.

    Attributes:
        shape: of the matrix.
    """

    __array_ufunc__ = None  # numpy leaves x @ this to __rmatmul__

    def __init__(self, factorization: Factorization, factors: dict[str, np.ndarray]) -> None:
        self._factorization, self._factors = factorization, factors
        self.shape: Shape = factorization.shape

    def __rmatmul__(self, x: np.ndarray) -> np.ndarray:
        """x (..., m) @ W: (..., n)."""
        product: Any = self._factorization.apply(self._factors, x)
        return np.asarray(product, np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of the factors."""
        return sum(factor.nbytes for factor in self._factors.values())


def applies(factored: Factored) -> bool:
    """Whether x @ W is cheaper by the factors than by W.

    So it is where the kind has a product of its own and fewer numbers than the weight: each takes part about once for
    each row of x, and W need not be built. A weight of another dtype than float32 is rounded to it, which a product
    of factors does not do: that one is built.
    """
    own = type(factored.factorization).apply is not Factorization.apply
    fewer = sum(f.size for f in factored.factors.values()) < np.prod(factored.factorization.shape, dtype=float)
    return own and fewer and len(factored.factorization.shape) == 2 and factored.record.dtype == np.float32
