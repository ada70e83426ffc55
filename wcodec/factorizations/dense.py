"""The weight itself (format_spec/factorizations.md, dense)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .protocol import Factors


@dataclass(frozen=True)
class Dense:
    """W = weight: one factor, no arithmetic."""

    kind: ClassVar[str] = "dense"
    number: ClassVar[int] = 0
    integer_factors: ClassVar[frozenset[str]] = frozenset()

    shape: tuple[int, ...]

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": self.shape}

    @property
    def step_axes(self) -> dict[str, tuple[int, ...]]:
        return {}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        return {"weight": weight}

    def check(self, factors: Factors) -> None:
        pass

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return factors["weight"]
