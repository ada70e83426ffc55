"""The matrix of a t-linear layer (format_spec/factorizations.md, t_linear)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .cosine import MAX_TUBE, dct_matrix
from .decompositions import checked, padded, stored
from .matrix import MatrixFactorization
from .protocol import Factors


@dataclass(frozen=True)
class TLinear(MatrixFactorization):
    """W of blocks (tube, tube), each diagonal in the cosine basis: a layer y = A *_L x of tubes as one matrix.

    Newman, Horesh, Avron and Kilmer (2018, "Stable Tensor Neural Networks for Rapid Deep Learning"): n m tube numbers
    stand for n m tube^2.

    Attributes:
        shape: of the weight, rank >= 2.
        tube: side of a block, 1 to min(m, n) and at most 1024; sides that it does not divide are padded with zeros.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "t_linear"
    number: ClassVar[int | None] = 19

    tube: int
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("tube", self.tube, min(*self.matrix_shape, MAX_TUBE))

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        m, n = self.matrix_shape
        return {"spectrum": (-(-m // self.tube), -(-n // self.tube), self.tube)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        down, across, tube = self.factor_shapes["spectrum"]
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        grid = padded(matrix, down * tube, across * tube).reshape(down, tube, across, tube)
        cosine = dct_matrix(tube).astype(np.float64)
        # The blocks c_f c_f^T of the frequencies f are orthonormal: the best spectrum is a projection.
        return stored(weight, {"spectrum": np.einsum("fs,isjt,ft->ijf", cosine, grid, cosine, optimize=True)})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        m, n = self.matrix_shape
        down, across, tube = self.factor_shapes["spectrum"]
        cosine = dct_matrix(tube)
        scaled = xp.einsum("ijf,fs->isjf", factors["spectrum"], cosine)
        return xp.reshape(xp.matmul(scaled, cosine), (down * tube, across * tube))[:m, :n]
