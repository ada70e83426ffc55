"""Rows as sparse combinations of atoms (format_spec/factorizations.md, dictionary)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FactorizationError
from .decompositions import checked, stored
from .matrix import MatrixFactorization
from .protocol import Factors


@dataclass(frozen=True)
class Dictionary(MatrixFactorization):
    """W = C @ atoms, C sparse: every row of the weight is a combination of at most `nonzeros` atoms of a dictionary.

    Learned by orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, 1993) in turn with the method of optimal
    directions (Engan, Aase and Husoy, 1999); `wcodec.fitting.dictionary_learning` has the options.

    Attributes:
        shape: of the weight, rank >= 2.
        atoms: rows of `atoms` (atoms, n), 1 to m.
        nonzeros: most coefficients a row, 1 to `atoms`; `mask` (m, atoms) says which, `coefficients` (m, nonzeros) has
            them from the left, zeros after them.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "dictionary"
    number: ClassVar[int | None] = 5
    integer_factors: ClassVar[frozenset[str]] = frozenset({"mask"})
    start: ClassVar[str] = "rows"  # of the learning, a name of `wcodec.fitting.dictionary_starts.STARTS`

    atoms: int
    nonzeros: int
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_matrix()
        self._check_range("atoms", self.atoms, self.matrix_shape[0])
        self._check_range("nonzeros", self.nonzeros, self.atoms)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        m, n = self.matrix_shape
        return {"mask": (m, self.atoms), "coefficients": (m, self.nonzeros), "atoms": (self.atoms, n)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        from ..fitting.dictionary_learning import learn  # a decoder needs none of it

        matrix = checked(weight, self.shape, self.kind).reshape(self.matrix_shape)
        learned = learn(matrix, self.atoms, self.nonzeros, start=self.start)
        return stored(weight, self.factors_of(learned.codes, learned.atoms))

    def factors_of(self, codes: np.ndarray, atoms: np.ndarray) -> dict[str, np.ndarray]:
        """Factors from a code matrix C (m, atoms), whose zeros are left out, and a dictionary (atoms, n)."""
        mask = codes != 0
        coefficients = np.zeros((codes.shape[0], self.nonzeros), codes.dtype)
        rows, columns = np.nonzero(mask)
        place = (np.cumsum(mask, axis=1) - 1)[rows, columns]
        coefficients[rows, place] = codes[rows, columns]
        return {"mask": mask.astype(np.int32), "coefficients": coefficients, "atoms": atoms}

    def check(self, factors: Factors) -> None:
        mask = factors["mask"]
        if mask.size and not 0 <= mask.min() <= mask.max() <= 1:
            raise FactorizationError("dictionary mask holds values other than 0 and 1")
        if mask.size and mask.sum(axis=1).max() > self.nonzeros:
            raise FactorizationError(f"a row of a dictionary mask sets more than {self.nonzeros} positions")

    def codes(self, factors: Factors, xp: Any = np) -> Any:
        """C (m, atoms), zeros included."""
        # Set position p of a row takes coefficient number p of a list that starts with a zero.
        lists = xp.concatenate([xp.zeros_like(factors["coefficients"][:, :1]), factors["coefficients"]], axis=1)
        return xp.take_along_axis(lists, xp.cumsum(factors["mask"], axis=1) * factors["mask"], axis=1)

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        return xp.matmul(self.codes(factors, xp), factors["atoms"])

    def left_multiply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        return xp.matmul(xp.matmul(x, self.codes(factors, xp)), factors["atoms"])
