"""A mask and the values where it is set (format_spec/factorizations.md, sparse)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
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
        values = checked(weight, self.shape, self.kind)
        mask = largest(values, self.count)
        return stored(weight, {"mask": mask.astype(np.int32), "values": values[mask]})

    def check(self, factors: Factors) -> None:
        mask = factors["mask"]
        if mask.size and not 0 <= mask.min() <= mask.max() <= 1:
            raise FactorizationError("sparse mask holds values other than 0 and 1")
        if int(mask.sum()) != self.count:
            raise FactorizationError(f"sparse mask sets {int(mask.sum())} positions, the record says {self.count}")

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return scatter(factors["mask"], factors["values"], xp)


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Mask, bool, of the `count` largest magnitudes; of equal ones the first in row-major order."""
    mask = np.zeros(values.size, bool)
    mask[np.argsort(-np.abs(values.ravel()), kind="stable")[:count]] = True
    return mask.reshape(values.shape)


def scatter(mask: Any, values: Any, xp: Any) -> Any:
    """The array of the mask's shape that has `values` (count,) where the mask is 1, in row-major order, and 0 else."""
    # Position p takes value number (set positions up to p) of a list that starts with a zero.
    flat = xp.reshape(mask, (-1,))
    listed = xp.concatenate([xp.zeros((1,), dtype="float32"), values])
    return xp.reshape(xp.take(listed, xp.cumsum(flat) * flat, axis=0), mask.shape)
