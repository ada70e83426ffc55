"""What the kinds tent, pool and dct share: a dense layer's inputs are an image, and its weights a smooth one.

The kernel (height * width * channels, units) of a dense layer on a flattened image is, unit by unit, an image itself.
It is written as A latent B^T over rows and columns, with fixed matrices A and B: no side information.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors


@dataclass(frozen=True)
class ImageBasis(Factorization):
    """W[(y, x, c), u] = sum over i, j of A[y, i] * B[x, j] * latent[i, j, c, u].

    Attributes:
        shape: (height * width * channels, units), Keras' order of a flattened image.
        height: of the image.
        width: of the image.
    """

    # A basis matrix is (n, n) at most: the bound keeps a hostile shape from asking for a huge one.
    MAX_EXTENT: ClassVar[int] = 1024

    height: int
    width: int

    def __post_init__(self) -> None:
        if len(self.shape) != 2:
            raise FactorizationError(f"{self.kind} is for shapes (inputs, units), not {self.shape}")
        if not all(1 <= n <= self.MAX_EXTENT for n in (self.height, self.width)):
            raise FactorizationError(f"{self.kind} takes images of 1 to {self.MAX_EXTENT} pixels a side")
        if self.shape[0] % (self.height * self.width):
            raise FactorizationError(f"{self.shape[0]} inputs are not whole images of {self.height}x{self.width}")

    @abstractmethod
    def coefficients(self, n: int) -> int:
        """How many coefficients stand for n pixels."""

    @abstractmethod
    def matrix(self, n: int) -> np.ndarray:
        """A for an axis of n pixels: (n, coefficients) float32."""

    @property
    def channels(self) -> int:
        return self.shape[0] // (self.height * self.width)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        rows, columns = self.coefficients(self.height), self.coefficients(self.width)
        return {"latent": (rows, columns, self.channels, self.shape[1])}

    @property
    def scanned_factors(self) -> frozenset[str]:
        return frozenset({"latent"})

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Least squares: the nearest weight that the basis can express."""
        image = weight.reshape(self.height, self.width, self.channels, self.shape[1]).astype(np.float64)
        down, across = (np.linalg.pinv(self.matrix(n).astype(np.float64)) for n in (self.height, self.width))
        return {"latent": np.einsum("iy,jx,yxcu->ijcu", down, across, image, optimize=True).astype(np.float32)}

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        columns = xp.einsum("xj,ijcu->ixcu", self.matrix(self.width), factors["latent"])
        return xp.reshape(xp.einsum("yi,ixcu->yxcu", self.matrix(self.height), columns), self.shape)
