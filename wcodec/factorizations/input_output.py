"""Inputs and outputs compressed block by block (format_spec/factorizations.md, input_output)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .decompositions import checked, padded, stored, two_sided_basis
from .matrix import MatrixFactorization, pad_columns
from .protocol import Factors


@dataclass(frozen=True)
class InputOutput(MatrixFactorization):
    """W = (I x B) C (I x D): all blocks of inputs go through one B, all blocks of outputs come from one D.

    graph_compression's input and output compression; fitted as a Tucker decomposition along the places within a block.

    Attributes:
        shape: of the weight, rank >= 2.
        input_block: rows of a block, 1 to m; B is (input_block, input_width).
        input_width: what is left of them, 1 to input_block.
        output_block: columns of a block, 1 to n; D is (output_width, output_block).
        output_width: what they are made of, 1 to output_block.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "input_output"
    number: ClassVar[int | None] = 16

    input_block: int
    input_width: int
    output_block: int = 1
    output_width: int = 1
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        m, n = self.matrix_shape
        self._check_range("input_block", self.input_block, m)
        self._check_range("input_width", self.input_width, self.input_block)
        self._check_range("output_block", self.output_block, n)
        self._check_range("output_width", self.output_width, self.output_block)

    @property
    def places(self) -> tuple[int, int]:
        """Blocks of inputs and of outputs, the last of each padded."""
        m, n = self.matrix_shape
        return -(-m // self.input_block), -(-n // self.output_block)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        inputs, outputs = self.places
        return {
            "input": (self.input_block, self.input_width),
            "core": (inputs * self.input_width, outputs * self.output_width),
            "output": (self.output_width, self.output_block),
        }

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        (inputs, outputs), shapes = self.places, self.factor_shapes
        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        grid = padded(matrix, inputs * self.input_block, outputs * self.output_block)
        grid = grid.reshape(inputs, self.input_block, outputs, self.output_block)
        core, first, second = two_sided_basis(grid, (1, 3), (self.input_width, self.output_width))
        return stored(weight, {"input": first, "core": core.reshape(shapes["core"]), "output": second.T})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        m, n = self.matrix_shape
        inputs, outputs = self.places
        core = xp.reshape(factors["core"], (inputs, self.input_width, outputs * self.output_width))
        rows = xp.einsum("bw,pwx->pbx", factors["input"], core)
        rows = xp.reshape(rows, (inputs * self.input_block, outputs, self.output_width))
        whole = xp.einsum("xqv,vo->xqo", rows, factors["output"])
        return xp.reshape(whole, (inputs * self.input_block, outputs * self.output_block))[:m, :n]

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        (inputs, outputs), batch = self.places, x.shape[:-1]
        blocks = xp.reshape(pad_columns(x, inputs * self.input_block, xp), (-1, inputs, self.input_block))
        narrow = xp.reshape(xp.matmul(blocks, factors["input"]), (-1, inputs * self.input_width))
        wide = xp.reshape(xp.matmul(narrow, factors["core"]), (-1, outputs, self.output_width))
        product = xp.reshape(xp.matmul(wide, factors["output"]), (*batch, outputs * self.output_block))
        return product[..., : self.matrix_shape[1]]
