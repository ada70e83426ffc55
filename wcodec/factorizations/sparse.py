"""A mask and the values where it is set (format_spec/factorizations.md, sparse)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class Sparse(Factorization):
    """W = mask * values in row-major order of the set positions; `fit` keeps the `count` largest magnitudes.

    Attributes:
        shape: of the weight.
        count: how many weights are kept; equal magnitudes are kept in row-major order.
    """

    kind: ClassVar[str] = "sparse"
    number: ClassVar[int | None] = 4
    integer_factors: ClassVar[frozenset[str]] = frozenset({"mask"})

    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= math.prod(self.shape):
            raise FactorizationError(f"sparse count {self.count} is not in 0..{math.prod(self.shape)}")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"mask": self.shape, "values": (self.count,)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        kept = np.sort(np.argsort(-np.abs(weight.ravel()), kind="stable")[: self.count])
        mask = np.zeros(weight.size, np.int32)
        mask[kept] = 1
        return {"mask": mask.reshape(self.shape), "values": weight.ravel()[kept].astype(np.float32)}

    def check(self, factors: Factors) -> None:
        mask = factors["mask"]
        if mask.size and not 0 <= mask.min() <= mask.max() <= 1:
            raise FactorizationError("sparse mask holds values other than 0 and 1")
        if int(mask.sum()) != self.count:
            raise FactorizationError(f"sparse mask sets {int(mask.sum())} positions, the record says {self.count}")

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        # Position p takes value number (set positions up to p) of a list that starts with a zero.
        mask = xp.reshape(factors["mask"], (-1,))
        values = xp.concatenate([xp.zeros((1,), dtype="float32"), factors["values"]])
        return xp.reshape(xp.take(values, xp.cumsum(mask) * mask, axis=0), self.shape)
