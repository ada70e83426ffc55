"""Dense layers on images in a discrete cosine transform (format_spec/factorizations.md, dct)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .cosine import dct_matrix
from .image_basis import ImageBasis


@dataclass(frozen=True)
class Dct(ImageBasis):
    """Orthonormal DCT-II over rows and columns: as many coefficients as weights."""

    kind: ClassVar[str] = "dct"
    number: ClassVar[int | None] = 27

    def coefficients(self, n: int) -> int:
        return n

    def matrix(self, n: int) -> np.ndarray:
        """(n, n) float32: column f is sqrt(2/n) cos(pi f (2k + 1) / (2n)), column 0 the constant sqrt(1/n)."""
        return dct_matrix(n).T
