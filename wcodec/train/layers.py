"""Keras layers whose kernels are factors from the start: the originals' CompressedDense and its kin.

    keras.Sequential([keras.Input((784,)), CompressedDense(300, low_rank(ratio=4), activation="relu")])

The layers are Keras' own, run on the product of the factors: project, add the bias, then activate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ..errors import OptionError, naming
from ..factorizations import FactoredWeight
from ..factorizations.factory import FactorizationFactory, result_of
from .factors import FactorVariables
from .plan import from_config, to_config
from .storage import dense_form_gone, release, without
from .variables import variable_names
from .wrapper import call_on


@keras.saving.register_keras_serializable("wcodec")
class FactoredLayer(keras.Layer):
    """A layer some of whose weights exist as factors only, fitted to the weights that the layer would start with.

    The factors are its weights, in a model and in a file ("factored_dense/kernel-left"); the dense weight is computed
    in every call and never stored.

    Args:
        layer: any Keras layer that is no model, not built yet.
        factorizations: name of one of its weights ("kernel", "lstm_cell/kernel") -> function from a shape to a
            factorization.
    """

    def __init__(
        self, layer: keras.Layer, factorizations: Mapping[str, FactorizationFactory], name: str | None = None
    ) -> None:
        super().__init__(name=name or f"factored_{layer.name}", dtype=layer.dtype_policy)
        self.layer = layer
        self.supports_masking = layer.supports_masking
        self._factories = dict(factorizations)
        self._factors: dict[str, FactorVariables] = {}
        self._dense_ids: set[int] = set()

    def build(self, input_shape: Any) -> None:
        """Build the layer, factor its weights, and let go of them.

        Raises:
            OptionError: a weight that the layer has not.
            FactorizationError: parameters that a factorization does not allow for this shape; it names the weight.
        """
        if not self.layer.built:  # one from a file is
            self.layer.build(input_shape)
        variables = dict(variable_names(self.layer))
        for name, factory in self._factories.items():
            if name not in variables:
                raise OptionError(f"{self.layer.name} has no weight {name!r}; it has {', '.join(variables)}")
            with naming(f"{self.name}/{name}"):
                factorization = result_of(factory, tuple(variables[name].shape))
            factors = FactorVariables(name, factorization, self._add)
            factors.fit(variables[name].value)
            self._factors[name] = factors
        for factors, variable in self.factored_variables():
            self._dense_ids.add(id(variable))
            release(variable, self, dense_form_gone(f"{self.name}/{factors.name}"))

    def _add(self, dtype: str = "float32", **kwargs: Any) -> keras.Variable:
        return self.add_weight(dtype=dtype, autocast=False, **kwargs)

    def factored_variables(self) -> list[tuple[FactorVariables, keras.Variable]]:
        """The factors of each weight and the variable of the layer that they stand for."""
        variables = dict(variable_names(self.layer))
        return [(factors, variables[name]) for name, factors in self._factors.items()]

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables that hold a value."""
        return without(self._dense_ids, super().variables)

    @property
    def weights(self) -> list[keras.Variable]:
        """All weights that hold a value."""
        return without(self._dense_ids, super().weights)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The layer on the weights that its factors make."""
        effective = [(variable, factors.weight()) for factors, variable in self.factored_variables()]
        outputs, losses = call_on(self.layer, effective, inputs, training)
        for loss in losses:
            self.add_loss(loss)
        for variable, weight in effective:
            if variable.regularizer is not None:
                self.add_loss(variable.regularizer(weight))
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the layer."""
        return self.layer.compute_output_shape(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """That of the layer."""
        return self.layer.compute_mask(inputs, previous_mask)

    def factored_weights(self) -> dict[str, FactoredWeight]:
        """Name in the layer -> factors."""
        return {name: factors.factored() for name, factors in self._factors.items()}

    def finalize(self) -> keras.Layer:
        """A plain layer with the weights that the factors make; this one goes on as it is."""
        plain = type(self.layer).from_config(self.layer.get_config())
        plain.build(self.get_build_config()["input_shape"])
        values = {name: factors.reconstructed() for name, factors in self._factors.items()}
        own = dict(variable_names(self.layer))
        for name, variable in variable_names(plain):
            variable.assign(values[name] if name in values else own[name].value)
        return plain

    # -- .keras files ----------------------------------------------------------------------------------------------

    def __dir__(self) -> list[str]:
        # Keras saves the layers that it finds here, and `layer` would save dense weights; see CompressionOperator.
        return [name for name in super().__dir__() if name != "layer" and not name.startswith("_self_")]

    def _state(self) -> list[keras.Variable]:
        factors = [v for f in self._factors.values() for v in f.variables.values()]
        return [*factors, *without(self._dense_ids, self.layer.variables)]

    def save_own_variables(self, store: Any) -> None:
        """The factors, and the variables of the layer that are not factored."""
        for i, v in enumerate(self._state()):
            store[str(i)] = np.asarray(keras.ops.convert_to_numpy(v))

    def load_own_variables(self, store: Any) -> None:
        """What `save_own_variables` saved."""
        for i, v in enumerate(self._state()):
            v.assign(store[str(i)])

    def get_config(self) -> dict[str, Any]:
        """The layer, and of each factorization its kind and fields.

        Raises:
            OptionError: the layer is not built, so that the factorizations are not known yet.
        """
        if not self.built:
            raise OptionError(f"{self.name} is not built: its factorizations follow from the shapes of its weights")
        return {
            "name": self.name,
            "layer": keras.saving.serialize_keras_object(self.layer),
            "factorizations": {name: to_config(factors.factorization) for name, factors in self._factors.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> FactoredLayer:
        """The layer as `get_config` described it, with new factors; loading a file fills them in."""
        layer = keras.saving.deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        plan = {name: from_config(fields) for name, fields in config["factorizations"].items()}
        return cls(layer, plan, name=config["name"])


def CompressedDense(units: int, factorization: FactorizationFactory, **options: Any) -> FactoredLayer:  # noqa: N802
    """keras.layers.Dense with a factored kernel (in, units); `options` are Dense's."""
    return FactoredLayer(keras.layers.Dense(units, **options), {"kernel": factorization})


def CompressedConv2D(  # noqa: N802
    filters: int, kernel_size: int | tuple[int, int], factorization: FactorizationFactory, **options: Any
) -> FactoredLayer:
    """keras.layers.Conv2D with a factored kernel (height, width, in, filters); `options` are Conv2D's."""
    return FactoredLayer(keras.layers.Conv2D(filters, kernel_size, **options), {"kernel": factorization})


def CompressedLinearLayer(  # noqa: N802
    input_dim: int, nodes: int, factorization: FactorizationFactory, **options: Any
) -> FactoredLayer:
    """A linear layer of known input, built at once: x @ W + b with a factored W (input_dim, nodes)."""
    layer = CompressedDense(nodes, factorization, **options)
    layer.build((None, input_dim))
    layer.built = True
    return layer
