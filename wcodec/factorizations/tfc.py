"""Weights as TensorFlow Compression's tutorial stores them (format_spec/factorizations.md, tfc)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .protocol import Factorization, Factors

PLAIN, SPECTRUM = 0, 1


def spectrum_basis(height: int, width: int) -> np.ndarray:
    """What each number of TFC's half spectrum adds to a kernel: (height, width, height, width // 2 + 1, 2) float32.

    TFC keeps real and imaginary parts of rfft2 of a kernel, divided by sqrt(height * width).
    """
    half = width // 2 + 1
    y, x = np.arange(height)[:, None, None, None], np.arange(width)[None, :, None, None]
    f, g = np.arange(height)[None, None, :, None], np.arange(half)[None, None, None, :]
    angle = 2 * np.pi * (f * y / height + g * x / width)
    # Frequencies of the inner columns stand for their mirror images too.
    twice = np.where((g > 0) & (2 * g < width), 2.0, 1.0) / math.sqrt(height * width)
    return np.asarray(np.stack([twice * np.cos(angle), -twice * np.sin(angle)], axis=-1), np.float32)


@dataclass(frozen=True)
class Tfc(Factorization):
    """W = symbols * steps, or, for a convolution kernel, the inverse real DFT of that; the steps are free floats.

    Attributes:
        shape: of the weight; (height, width, in, out) for a kernel.
        layout: 0 plain: `symbols` have the shape of the weight, `steps` is one number; 1 spectrum: `symbols` are
            (in, out, height, width // 2 + 1, 2), `steps` (height, width // 2 + 1, 2).
    """

    kind: ClassVar[str] = "tfc"
    number: ClassVar[int | None] = 29
    integer_factors: ClassVar[frozenset[str]] = frozenset({"symbols"})
    # The basis has extent**4 numbers.
    MAX_EXTENT: ClassVar[int] = 16

    layout: int = PLAIN

    def __post_init__(self) -> None:
        if self.layout not in (PLAIN, SPECTRUM):
            raise FactorizationError(f"tfc layout {self.layout} is neither 0 nor 1")
        if self.layout == SPECTRUM and (
            len(self.shape) != 4 or not all(1 <= n <= self.MAX_EXTENT for n in self.shape[:2])
        ):
            raise FactorizationError(f"tfc spectra are of kernels of 1 to {self.MAX_EXTENT} pixels, not {self.shape}")

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        if self.layout == PLAIN:
            return {"symbols": self.shape, "steps": ()}
        height, width, inputs, outputs = self.shape
        bins = (height, width // 2 + 1, 2)
        return {"symbols": (inputs, outputs, *bins), "steps": bins}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Not for weights at large: symbols come from files of TFC (`wcodec.tfc`).

        Raises:
            FactorizationError: always.
        """
        raise FactorizationError("tfc holds what TensorFlow Compression has quantized; use dense or rdft")

    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        steps = factors["steps"]
        values = xp.multiply(factors["symbols"].astype(steps.dtype) if xp is np else factors["symbols"], steps)
        if self.layout == PLAIN:
            return values
        return xp.einsum("yxabc,ioabc->yxio", spectrum_basis(*self.shape[:2]), values)
