"""Convolution kernels in an orthonormal real DFT (format_spec/factorizations.md, rdft).

EPR (Oktay et al., 2020, "Scalable Model Compression by Entropy Penalized Reparameterization") trains kernels in the
frequency domain. TensorFlow Compression keeps the complex half spectrum, 30 numbers for a 5x5 kernel. The real
orthonormal basis below keeps 25: as many coefficients as weights, and a quantization error of the latent is an error
of the same norm in the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors


def rdft_matrix(n: int) -> np.ndarray:
    """Orthonormal real DFT of length n: (n, n) float32, row f is a frequency, `latent = matrix @ kernel`.

    Rows: the constant 1/sqrt(n); for f = 1 .. ceil(n/2)-1 the pair sqrt(2/n) cos, sqrt(2/n) sin of 2 pi f k / n;
    for even n last the alternating row (-1)^k / sqrt(n).
    """
    k = np.arange(n)
    matrix = np.empty((n, n), np.float32)
    matrix[0] = n**-0.5
    for f in range(1, (n + 1) // 2):
        angle = 2 * np.pi * f * k / n
        matrix[2 * f - 1] = np.sqrt(2 / n) * np.cos(angle)
        matrix[2 * f] = np.sqrt(2 / n) * np.sin(angle)
    if n % 2 == 0:
        matrix[n - 1] = n**-0.5 * (-1.0) ** k
    return matrix


@dataclass(frozen=True)
class Rdft(Factorization):
    """W = inverse real DFT of the latent over the kernel axes; one step a frequency by default.

    Attributes:
        shape: of the kernel, any rank.
        axes: the kernel (spatial) axes, ascending; () stands for all but the last two, the Keras layout
            (kernel..., in, out).
    """

    kind: ClassVar[str] = "rdft"
    number: ClassVar[int | None] = 1
    # A transform matrix is (n, n): the bound keeps a hostile shape from asking for a huge one.
    MAX_EXTENT: ClassVar[int] = 1024

    axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        axes = self.kernel_axes
        if list(axes) != sorted(set(axes)) or any(not 0 <= a < len(self.shape) for a in axes):
            raise FactorizationError(f"rdft axes {axes} are not ascending axes of a shape {self.shape}")
        if not 1 <= len(axes) <= 3:
            raise FactorizationError(f"rdft takes 1 to 3 kernel axes, not {len(axes)} (shape {self.shape})")
        if any(not 1 <= self.shape[a] <= self.MAX_EXTENT for a in axes):
            raise FactorizationError(f"rdft kernel extents are 1 to {self.MAX_EXTENT}, not {self.shape}")

    @property
    def kernel_axes(self) -> tuple[int, ...]:
        return self.axes or tuple(range(len(self.shape) - 2))

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"latent": self.shape}

    @property
    def step_axes(self) -> dict[str, tuple[int, ...]]:
        return {"latent": self.kernel_axes}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        return {"latent": self._transform(weight, np, inverse=False)}

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        return self._transform(factors["latent"], xp, inverse=True)

    def _transform(self, x: Any, xp: Any, inverse: bool) -> Any:
        letters = "abcdefghijklmnopqrstuvwxy"[: len(self.shape)]
        for axis in self.kernel_axes:
            if self.shape[axis] == 1:
                continue  # the 1x1 transform is the identity
            matrix = rdft_matrix(self.shape[axis])
            matrix = matrix.T if inverse else matrix
            out = letters.replace(letters[axis], "z")
            x = xp.einsum(f"z{letters[axis]},{letters}->{out}", matrix, x)
        return x
