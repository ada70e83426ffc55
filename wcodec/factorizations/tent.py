"""Dense layers on images in overlapping tents (format_spec/factorizations.md, tent)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .image_basis import ImageBasis

TAPS = np.array([0.125, 0.375, 0.375, 0.125], np.float32)


@dataclass(frozen=True)
class Tent(ImageBasis):
    """Coefficient i of an axis spans pixels 2i-1 to 2i+2 with weights 1/8, 3/8, 3/8, 1/8: half the extent, smooth."""

    kind: ClassVar[str] = "tent"
    number: ClassVar[int | None] = 25

    def coefficients(self, n: int) -> int:
        return (n + 1) // 2

    def matrix(self, n: int) -> np.ndarray:
        """(n, ceil(n/2)) float32; what a tent has beyond the edge of the image is cut off."""
        distance = np.arange(n)[:, None] - 2 * np.arange(self.coefficients(n)) + 1
        return np.where((distance >= 0) & (distance < len(TAPS)), TAPS[distance.clip(0, 3)], np.float32(0))
