"""A weight that is zero outside of one corner (format_spec/factorizations.md, block).

Training removes units of a network. The file still holds tensors of the original shapes; with the units that are left
moved to the front, each of them is a small weight padded with zeros, and only the small one is stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .dct import Dct
from .dense import Dense
from .pool import Pool
from .protocol import Factorization, Factors
from .rdft import Rdft
from .tent import Tent

# Kinds of the corner: those with one float factor and with integers for parameters.
INNER: dict[int, type[Factorization]] = {0: Dense, 1: Rdft, 25: Tent, 26: Pool, 27: Dct}


@dataclass(frozen=True)
class Block(Factorization):
    """W is zero but for its leading block of shape `kept`.

    Where `kept` has more entries than the weight has axes, the first axis is split: (4, 4, 20, 40) for a shape
    (800, 500) sees the inputs as (4, 4, 50), keeps the first 20 of the 50 at each of the 4x4 places, and 40 units.

    Attributes:
        shape: of the weight.
        kept: extents of the block; those in front of the last as many as the weight has axes are places.
        inner: kind number of the block and, behind it, its parameters: (0,) dense, (1,) rdft, (25, 28, 28) tent, ...
    """

    kind: ClassVar[str] = "block"
    number: ClassVar[int | None] = 28

    kept: tuple[int, ...]
    inner: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        places = math.prod(self._places)
        if len(self.kept) < len(self.shape) or not self.shape or places < 1 or self.shape[0] % places:
            raise FactorizationError(f"block: {self.kept} is no block of {self.shape}")
        if any(not 0 <= k <= n for k, n in zip(self.kept, self.view, strict=True)):
            raise FactorizationError(f"block: {self.kept} is no corner of {self.view}")
        if not self.inner or self.inner[0] not in INNER:
            raise FactorizationError(f"block: inner kind {self.inner[:1]} is not one of {sorted(INNER)}")
        _ = self.corner

    @property
    def _places(self) -> tuple[int, ...]:
        return self.kept[: len(self.kept) - len(self.shape)]

    @property
    def view(self) -> tuple[int, ...]:
        """The shape with its first axis split into places and the rest of it."""
        return (*self._places, self.shape[0] // math.prod(self._places), *self.shape[1:])

    @cached_property
    def corner(self) -> Factorization:
        """The factorization of the block."""
        kind, *parameters = self.inner
        try:
            return INNER[kind](self.kept, *parameters)
        except TypeError as e:
            raise FactorizationError(f"block: {INNER[kind].kind} cannot be built from {parameters}: {e}") from e

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return self.corner.factor_shapes

    @property
    def step_axes(self) -> dict[str, tuple[int, ...]]:
        return self.corner.step_axes

    @property
    def scanned_factors(self) -> frozenset[str]:
        return self.corner.scanned_factors

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Factors of the leading block; what lies outside is dropped."""
        return self.corner.fit(weight.reshape(self.view)[tuple(slice(k) for k in self.kept)])

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        block = self.corner.reconstruct(factors, xp)
        for axis, n in enumerate(self.view):
            extents = (*self.view[:axis], n - self.kept[axis], *self.kept[axis + 1 :])
            if extents[axis]:
                block = xp.concatenate([block, xp.zeros(extents, block.dtype)], axis=axis)
        return xp.reshape(block, self.shape)
