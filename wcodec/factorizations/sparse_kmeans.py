"""Pruning and a codebook (format_spec/factorizations.md, sparse_kmeans)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
from .protocol import Factorization, Factors
from .sparse import largest, scatter


@dataclass(frozen=True)
class SparseKMeans(Factorization):
    """A mask, coded once, and an index into a codebook for the surviving weights alone.

    Han, Mao and Dally (2016, "Deep Compression"); `fit` keeps the `count` largest magnitudes.

    Attributes:
        shape: of the weight.
        count: how many weights are kept; equal magnitudes are kept in row-major order.
        levels: entries of the codebook, 1 to 65,536.
    """

    kind: ClassVar[str] = "sparse_kmeans"
    number: ClassVar[int | None] = 12
    integer_factors: ClassVar[frozenset[str]] = frozenset({"mask", "index"})

    count: int
    levels: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= math.prod(self.shape):
            raise FactorizationError(f"sparse_kmeans count {self.count} is not in 0..{math.prod(self.shape)}")
        if not 1 <= self.levels <= 65536:
            raise FactorizationError(f"sparse_kmeans levels {self.levels} is not in 1..65536")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"codebook": (self.levels,), "mask": self.shape, "index": (self.count,)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        values = checked(weight, self.shape, self.kind)
        mask = largest(values, self.count)
        from ..fitting.clustering import cluster_values  # a decoder needs none of it

        codebook, index = cluster_values(values[mask], self.levels)
        return stored(weight, {"codebook": codebook, "mask": mask.astype(np.int32), "index": index})

    def check(self, factors: Factors) -> None:
        mask, index = factors["mask"], factors["index"]
        if mask.size and not 0 <= mask.min() <= mask.max() <= 1:
            raise FactorizationError("sparse_kmeans mask holds values other than 0 and 1")
        if int(mask.sum()) != self.count:
            rule = f"sparse_kmeans mask sets {int(mask.sum())} positions, the record says {self.count}"
            raise FactorizationError(rule)
        if index.size and not 0 <= index.min() <= index.max() < self.levels:
            raise FactorizationError(f"sparse_kmeans index outside 0..{self.levels - 1}")

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return scatter(factors["mask"], xp.take(factors["codebook"], factors["index"], axis=0), xp)
