"""Factors of one weight as variables of a model in training."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np

from ..errors import NonFiniteError, OptionError, naming
from ..factorizations import FactoredWeight, Factorization

AddVariable = Callable[..., keras.Variable]


class FactorVariables:
    """Variables that hold the factors of one weight; zero until `fit`.

    Integer factors (an index, a mask) are held fixed: they are what the factorization found.

    Attributes:
        name: of the weight in the model.
        factorization: says which factors there are and what weight they make.
        variables: factor name -> variable of the factor's shape.
    """

    def __init__(
        self, name: str, factorization: Factorization, add_variable: AddVariable, frozen: Collection[str] = ()
    ) -> None:
        shapes = factorization.factor_shapes
        unknown = set(frozen) - set(shapes)
        if unknown:
            rule = f"{factorization.kind} has no factor {sorted(unknown)[0]!r} to freeze; it has {', '.join(shapes)}"
            raise OptionError(rule, tensor=name)
        self.name = name
        self.factorization = factorization
        prefix = name.replace("/", "-").replace(".", "_")  # Keras forbids the one in names, torch the other
        self.variables: dict[str, keras.Variable] = {}
        for factor, shape in shapes.items():
            integer = factor in factorization.integer_factors
            self.variables[factor] = add_variable(
                shape=shape,
                dtype="int32" if integer else "float32",
                initializer="zeros",
                trainable=not integer and factor not in frozen,
                name=f"{prefix}-{factor}",
            )

    def fit(self, weight: Any) -> None:
        """Set the factors to those of a weight, any float tensor of the factorization's shape.

        Raises:
            WczError: the weight cannot be factored; the error names it.
        """
        array = np.array(keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32")))
        if not np.isfinite(array).all():
            raise NonFiniteError(f"NaN or infinity cannot be factored by {self.factorization.kind}", tensor=self.name)
        with naming(self.name):
            factors = self.factorization.fit(array)
        for factor, value in factors.items():
            self.variables[factor].assign(value)

    def weight(self) -> Any:
        """The reconstructed weight: a float32 tensor with gradients for the factors."""
        factors = {factor: keras.ops.convert_to_tensor(variable) for factor, variable in self.variables.items()}
        return self.factorization.reconstruct(factors, xp=keras.ops)

    def factored(self) -> FactoredWeight:
        """The factors as numpy arrays, what the encoder takes; it chooses their steps."""
        factors = {k: np.asarray(keras.ops.convert_to_numpy(v)) for k, v in self.variables.items()}
        return FactoredWeight(self.factorization, factors, steps_are_open=True)

    def reconstructed(self) -> np.ndarray:
        """The weight as numpy computes it, and so a decoder of exact factors: float32."""
        return np.asarray(self.factorization.reconstruct(self.factored().factors))
