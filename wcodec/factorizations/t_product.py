"""Third-order tensors as a t-product (format_spec/factorizations.md, t_product)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .cosine import MAX_TUBE, dct_matrix
from .decompositions import balanced_pair, checked, stored
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class TProduct(Factorization):
    """A kernel (kernel..., in, out), its tubes along the kernel axes, as left *_L right of tubal rank `rank`.

    The factors are kept in the domain of the orthonormal cosine transform, one pair of matrices a frequency, where the
    best approximation of a tubal rank is an SVD a frequency. With a transform scaled as in `cosine.t_product` the same
    factors are slices of L(B) and L(C), each times the square root of C[f, 0].

    Attributes:
        shape: of the kernel, rank >= 3.
        rank: tubal rank, 1 to min(in, out).
    """

    kind: ClassVar[str] = "t_product"
    number: ClassVar[int | None] = 18

    rank: int

    def __post_init__(self) -> None:
        if len(self.shape) < 3 or not 1 <= math.prod(self.shape[:-2]) <= MAX_TUBE:
            raise FactorizationError(f"t_product needs 1 to {MAX_TUBE} kernel positions, not shape {self.shape}")
        if not 1 <= self.rank <= max(1, min(self.shape[-2:])):
            raise FactorizationError(f"t_product rank {self.rank} is not in 1..min{self.shape[-2:]}")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        tube, (m, n) = math.prod(self.shape[:-2]), self.shape[-2:]
        return {"left": (tube, m, self.rank), "right": (tube, self.rank, n)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        tube, (m, n) = math.prod(self.shape[:-2]), self.shape[-2:]
        slices = checked(weight, self.shape, self.kind).reshape(tube, m * n)
        # The inverse of the float32 matrix that a decoder multiplies with.
        spectrum = np.linalg.solve(dct_matrix(tube).T.astype(np.float64), slices).reshape(tube, m, n)
        pairs = [balanced_pair(matrix, self.rank) for matrix in spectrum]
        left, right = (np.stack(side) for side in zip(*pairs, strict=True))
        return stored(weight, {"left": left, "right": right})

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        spectrum = xp.matmul(factors["left"], factors["right"])
        return xp.reshape(xp.einsum("fk,fmn->kmn", dct_matrix(spectrum.shape[0]), spectrum), self.shape)
