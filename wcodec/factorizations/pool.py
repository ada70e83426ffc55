"""Dense layers on images of coarser pixels (format_spec/factorizations.md, pool)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import FactorizationError
from .image_basis import ImageBasis


@dataclass(frozen=True)
class Pool(ImageBasis):
    """One coefficient for each square of `size` x `size` pixels.

    Attributes:
        shape: (height * width * channels, units).
        height: of the image.
        width: of the image.
        size: pixels a side of a square; the last square of an axis may be cut.
    """

    kind: ClassVar[str] = "pool"
    number: ClassVar[int | None] = 26

    size: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.size <= self.MAX_EXTENT:
            raise FactorizationError(f"pool size {self.size} is not in 1..{self.MAX_EXTENT}")

    def coefficients(self, n: int) -> int:
        return -(-n // self.size)

    def matrix(self, n: int) -> np.ndarray:
        """(n, ceil(n/size)) float32 of zeros and ones."""
        squares = np.arange(self.coefficients(n))
        return np.asarray(np.arange(n)[:, None] // self.size == squares, np.float32)
