"""What a factorization is: named factors <-> weight."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

Factors = Mapping[str, Any]  # name -> array of numpy or of the backend in training


@dataclass(frozen=True)
class Factorization(ABC):
    """One way to write a weight as a function of factors. A frozen dataclass a kind.

    The dataclass fields after `shape` are the parameters that the manifest stores, in field order: integers, strings
    or tuples of integers, with a default where one is natural. `__post_init__` checks them and raises
    `FactorizationError`: a hostile file must not get past construction.

    Attributes:
        kind: name of the kind.
        number: in format_spec/registry.md; None for a user's own kind.
        integer_factors: factors that hold integers (indices, masks), never quantized.
        shape: of the weight.
    """

    kind: ClassVar[str]
    number: ClassVar[int | None] = None
    integer_factors: ClassVar[frozenset[str]] = frozenset()

    shape: tuple[int, ...]

    @property
    @abstractmethod
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every factor, in the order of the file; follows from the fields alone."""

    @property
    def step_axes(self) -> dict[str, tuple[int, ...]]:
        """Factor name -> axes along which its step varies by default; a factor left out has one step."""
        return {}

    @property
    def scanned_factors(self) -> frozenset[str]:
        """Factors whose last axes are those of the weight: a coder sees them in the axis order of the weight."""
        return frozenset(name for name, shape in self.factor_shapes.items() if shape == self.shape)

    @abstractmethod
    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Factors whose reconstruction approximates `weight` (float32, `shape`); encode side only."""

    def check(self, factors: Factors) -> None:  # noqa: B027  # nothing to check is the common case
        """Raise FactorizationError where decoded numpy factors cannot be reconstructed (an index out of range)."""

    @abstractmethod
    def reconstruct(self, factors: Factors, xp: Any = np) -> Any:
        """The weight, float32. `xp` is numpy or keras.ops: einsum, reshape, take and arithmetic only."""

    def apply(self, factors: Factors, x: Any, xp: Any = np) -> Any:
        """x (..., m) @ W (m, n), the weight as a matrix whose columns are its last axis, as a Keras layer uses it.

        A kind overrides it where the product never needs the weight itself.
        """
        matrix = xp.reshape(self.reconstruct(factors, xp), (math.prod(self.shape[:-1]), self.shape[-1]))
        return xp.matmul(x, matrix)


@dataclass(frozen=True)
class FactoredWeight:
    """A weight on its way into a file: a factorization, its factors and the steps to quantize them with.

    Attributes:
        factorization: gives the shape of the weight and of its factors.
        factors: name -> numpy array.
        step_codes: name -> int array of step codes, shape () or broadcastable to the factor; a factor without an
            entry is stored bit for bit.
        dtype: of the decoded weight.
        steps_are_open: the steps are still to be chosen, by the options of `encode`.
    """

    factorization: Factorization
    factors: dict[str, np.ndarray]
    step_codes: dict[str, np.ndarray] = field(default_factory=dict)
    dtype: np.dtype = np.dtype(np.float32)  # noqa: RUF009  # a dtype is immutable
    steps_are_open: bool = False
