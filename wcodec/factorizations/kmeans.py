"""A small codebook and an index a weight (format_spec/factorizations.md, kmeans)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class KMeans(Factorization):
    """W = codebook[index]; the best scalar codebook, in which a zero of the weight stays exactly zero.

    Attributes:
        shape: of the weight.
        levels: entries of the codebook, 1 to 65,536.
    """

    kind: ClassVar[str] = "kmeans"
    number: ClassVar[int | None] = 3
    integer_factors: ClassVar[frozenset[str]] = frozenset({"index"})

    levels: int

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 65536:
            raise FactorizationError(f"kmeans levels {self.levels} is not in 1..65536")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"codebook": (self.levels,), "index": self.shape}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        from ..fitting.clustering import cluster_values  # a decoder needs none of it

        codebook, index = cluster_values(checked(weight, self.shape, self.kind), self.levels)
        return stored(weight, {"codebook": codebook, "index": index})

    def check(self, factors: Factors) -> None:
        index = factors["index"]
        if index.size and not 0 <= index.min() <= index.max() < self.levels:
            raise FactorizationError(f"kmeans index outside 0..{self.levels - 1}")

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return xp.take(factors["codebook"], factors["index"], axis=0)
