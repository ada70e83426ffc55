"""The mechanism under every model of this package: a Keras model run on weights that are functions of others.

Every forward pass computes the effective weights and runs the model with these in place of its own
(keras.StatelessScope). No layer is subclassed or even knows, and all backends work alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import keras

from ..errors import UnsupportedTypeError
from .plan import OwnedWeight
from .variables import variable_names


def call_on(
    layer: keras.Layer, effective: Iterable[tuple[keras.Variable, Any]], inputs: Any, training: bool | None
) -> tuple[Any, list[Any]]:
    """Outputs of `layer` on `effective` weights in place of its own, and the losses that its layers added.

    Args:
        layer: a built layer or model; its moving statistics and seed states are updated as usual.
        effective: variables of it, each with the tensor to use instead, of the same shape.
        inputs: as the layer takes them.
        training: as Keras passes it.
    """
    replaced = {id(v): value for v, value in effective}
    # Every variable is mapped: inside JAX's own scope an unmapped one would be baked in as a constant.
    variables = layer.variables
    scope = keras.StatelessScope(
        [(v, replaced.get(id(v), v)) for v in variables], collect_losses=True, initialize_variables=False
    )
    before = {id(v): scope.get_current_value(v) for v in variables}
    with scope:
        outputs = layer(inputs, **({} if training is None else {"training": training}))
    for v in variables:  # moving statistics, seed states
        after = scope.get_current_value(v)
        if after is not before[id(v)]:
            v.assign(after)
    return outputs, scope.losses


class Wrapper(keras.Model):
    """A model around `inner`, which runs on `effective_weights`; the part that all such models share."""

    def __init__(self, inner: keras.Model, name: str) -> None:
        # The inner model's policy makes `compile` scale losses where it has to. autocast=False: what is trained
        # stays float32 and inputs reach `inner` as they come.
        super().__init__(name=name, dtype=inner.dtype_policy, autocast=False)
        self.inner = inner
        self.built = True

    def effective_weights(self) -> list[tuple[keras.Variable, Any]]:
        """Variables of `inner` and the tensors that stand in for them, with gradients for what is trained."""
        raise NotImplementedError

    def replaced(self) -> set[int]:
        """The ids of the variables of `inner` that hold no trained state of their own."""
        raise NotImplementedError

    def add_float_or_index(self, dtype: str = "float32", **kwargs: Any) -> keras.Variable:
        """A variable of the wrapper that no autocast touches; arguments as for keras.Layer.add_weight."""
        return self.add_weight(dtype=dtype, autocast=False, **kwargs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Outputs of the inner model on the effective weights."""
        effective = self.effective_weights()
        outputs, losses = call_on(self.inner, effective, inputs, training)
        for loss in losses:
            self.add_loss(loss)
        replaced = self.replaced()
        for v, value in effective:
            if id(v) in replaced and v.regularizer is not None:  # Keras regularizes what is trained by itself
                self.add_loss(v.regularizer(value))
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: the inner model has set the masks of its outputs itself."""
        return None

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """What the wrapper trains and the trainable variables of `inner` that are not replaced."""
        replaced = self.replaced()
        return [v for v in super().trainable_variables if id(v) not in replaced]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The same as `trainable_variables`."""
        replaced = self.replaced()
        return [v for v in super().trainable_weights if id(v) not in replaced]

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """All other variables, seed states included."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """All other weights."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trainable]

    def fetch_state(self) -> None:
        """In a callback of `fit`: make the variables readable and assignable, which JAX's `fit` holds elsewhere."""
        if keras.backend.backend() == "jax":
            self.jax_state_sync()

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks that every `fit` runs, before the caller's own."""
        return []

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """As keras.Model.fit, with `own_callbacks`."""
        bound = inspect.signature(super().fit).bind(*args, **kwargs)
        given = bound.arguments.get("callbacks")
        own = self.own_callbacks()
        if isinstance(given, keras.callbacks.CallbackList):
            known = {type(callback) for callback in given.callbacks}
            for callback in own:
                if type(callback) not in known:
                    callback.set_model(self)
                    given.append(callback)
        else:
            bound.arguments["callbacks"] = [*own, *keras.tree.flatten(given or [])]
        return super().fit(*bound.args, **bound.kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """As keras.Model's, which steps aside where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)


def trainable_weights_of(model: Any, caller: str) -> list[OwnedWeight]:
    """The trainable weights of a model in order, each with the innermost layer that owns it.

    Raises:
        UnsupportedTypeError: not a Keras model, not built, or nothing to train.
        DuplicateNameError: two weights have the same name.
    """
    if not isinstance(model, keras.Model):
        raise UnsupportedTypeError(f"{caller} takes a Keras model, not {type(model).__name__}")
    if not model.built:
        raise UnsupportedTypeError("the model is not built: give it an Input, call build(), or call it on data once")
    owners = owners_of(model)
    weights = [OwnedWeight(name, v, owners[id(v)]) for name, v in variable_names(model) if v.trainable]
    if not weights:
        raise UnsupportedTypeError("the model has no trainable weights")
    return weights


def owners_of(layer: keras.Layer) -> dict[int, keras.Layer]:
    """The id of each weight below `layer` -> the innermost layer that owns it."""
    # Parents come before their sublayers, so that the innermost layer is entered last.
    return {id(v): child for child in layer._flatten_layers() for v in child.weights}
