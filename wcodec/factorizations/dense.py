"""The weight itself (format_spec/factorizations.md, dense)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .protocol import Factorization, Factors


@dataclass(frozen=True)
class Dense(Factorization):
    """W = weight: one factor, no arithmetic."""

    kind: ClassVar[str] = "dense"
    number: ClassVar[int | None] = 0

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": self.shape}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        return {"weight": weight}

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return factors["weight"]
