"""Kernels in the Tucker-2 format (format_spec/factorizations.md, tucker2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored, two_sided_basis
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class Tucker2(Factorization):
    """W = core x_a first x_b second: of a convolution a 1x1, a smaller one of the same extents, and another 1x1.

    Kim et al. (2016, "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications");
    fitted by higher-order orthogonal iteration. `ranks.evbmf_rank` suggests ranks.

    Attributes:
        shape: of the weight, rank >= 2.
        first_rank: extent of the core along the first axis, at most that of the weight.
        second_rank: along the second axis.
        axes: the two axes, ascending; () stands for the last two, (in, out) in the Keras layout.
    """

    kind: ClassVar[str] = "tucker2"
    number: ClassVar[int | None] = 9

    first_rank: int
    second_rank: int
    axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.shape) < 2:
            raise FactorizationError(f"tucker2 needs a matrix or more, not shape {self.shape}")
        if len(self.axes) not in (0, 2) or not all(0 <= a < len(self.shape) for a in self.axes):
            raise FactorizationError(f"tucker2 axes {self.axes} are not two axes of shape {self.shape}")
        first, second = self.factored_axes
        if first >= second:
            raise FactorizationError(f"tucker2 axes {self.axes} do not ascend")
        for name, rank, axis in (("first", self.first_rank, first), ("second", self.second_rank, second)):
            if not 1 <= rank <= max(1, self.shape[axis]):
                raise FactorizationError(f"tucker2 {name}_rank {rank} is not in 1..{self.shape[axis]}")

    @property
    def factored_axes(self) -> tuple[int, int]:
        """The two axes."""
        first, second = self.axes or (len(self.shape) - 2, len(self.shape) - 1)
        return first, second

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        first, second = self.factored_axes
        ranks = {first: self.first_rank, second: self.second_rank}
        core = tuple(ranks.get(axis, extent) for axis, extent in enumerate(self.shape))
        return {
            "core": core,
            "first": (self.shape[first], self.first_rank),
            "second": (self.shape[second], self.second_rank),
        }

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        tensor = checked(weight, self.shape, self.kind)
        core, first, second = two_sided_basis(tensor, self.factored_axes, (self.first_rank, self.second_rank))
        return stored(weight, {"core": core, "first": first, "second": second})

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        first, second = self.factored_axes
        letters = "abcdefghijklmnop"[: len(self.shape)]
        half = letters.replace(letters[first], "z")
        core = half.replace(letters[second], "y")
        with_second = xp.einsum(f"{core},{letters[second]}y->{half}", factors["core"], factors["second"])
        return xp.einsum(f"{half},{letters[first]}z->{letters}", with_second, factors["first"])
