"""Canonical polyadic decomposition (format_spec/factorizations.md, cp)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class CP(Factorization):
    """W[i1, ..., ir] = sum over s of factor1[i1, s] ... factorr[ir, s]; alternating least squares.

    Lebedev et al. (2015, "Speeding-up Convolutional Neural Networks Using Fine-tuned CP-Decomposition").

    Attributes:
        shape: of the weight, rank >= 2.
        rank: number of terms, at most the elements of the weight over its largest extent.
    """

    kind: ClassVar[str] = "cp"
    number: ClassVar[int | None] = 10

    rank: int

    def __post_init__(self) -> None:
        if len(self.shape) < 2:
            raise FactorizationError(f"cp needs a matrix or more, not shape {self.shape}")
        most = max(1, math.prod(self.shape) // max(1, *self.shape))
        if not 1 <= self.rank <= most:
            raise FactorizationError(f"cp rank {self.rank} is not in 1..{most} (shape {self.shape})")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"factor{axis}": (extent, self.rank) for axis, extent in enumerate(self.shape, 1)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        tensor = checked(weight, self.shape, self.kind)
        if not tensor.any():
            return stored(weight, {name: np.zeros(shape) for name, shape in self.factor_shapes.items()})
        from ..fitting.alternating import cp_factors  # a decoder needs none of it

        return stored(weight, dict(zip(self.factor_shapes, cp_factors(tensor, self.rank), strict=True)))

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        # As a product of two matrices, one over the axes before the split and one over those after; in blocks of
        # terms, so that neither is larger than the weight.
        extents = self.shape
        split = min(range(1, len(extents)), key=lambda k: math.prod(extents[:k]) + math.prod(extents[k:]))
        sides = math.prod(extents[:split]) + math.prod(extents[split:])
        block = max(1, 2 * math.prod(extents) // max(1, sides))
        names = list(self.factor_shapes)
        total: Any = 0
        for first in range(0, self.rank, block):
            terms = [factors[name][:, first : first + block] for name in names]
            total = total + xp.matmul(_columns(terms[:split], xp), xp.transpose(_columns(terms[split:], xp), (1, 0)))
        return xp.reshape(total, self.shape)


def _columns(factors: list[Any], xp: Any) -> Any:
    """Khatri-Rao product: (n1, s), (n2, s), ... -> (n1 n2 ..., s)."""
    product = factors[0]
    for factor in factors[1:]:
        product = xp.einsum("as,bs->abs", product, factor)
        product = xp.reshape(product, (product.shape[0] * product.shape[1], product.shape[2]))
    return product
