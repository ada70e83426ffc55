"""The layer graph of a Sequential or Functional Keras model (format_spec/graph.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..errors import UnsupportedTypeError
from ..runtime.graph import Graph, Layer
from ..train.variables import variable_names
from .keras_calls import Call, Calls, Source, leaves
from .keras_layers import CALL_OPTIONS, CALL_TENSORS, LAYERS, OPERATIONS, OPERATIONS_WITH_NUMBER


class GraphBuilder:
    """Collects layers; values are numbered as in `Graph`."""

    def __init__(self, model: keras.Model) -> None:
        self._positions = {id(variable): n for n, (_, variable) in enumerate(variable_names(model))}
        # A size that is not fixed is None in Keras.
        self._inputs = tuple(tuple(-1 if size is None else size for size in t.shape[1:]) for t in model.inputs)
        self._layers: list[Layer] = []

    def add(
        self,
        op: str,
        inputs: Sequence[int],
        params: Mapping[str, Any] | None = None,
        tensors: Mapping[str, keras.Variable | None] | None = None,
    ) -> int:
        """Append a layer and return the number of its value; a tensor that is None is one the layer does without."""
        positions = {name: self._position(v) for name, v in (tensors or {}).items() if v is not None}
        self._layers.append(Layer(op, tuple(inputs), dict(params or {}), positions))
        return len(self._inputs) + len(self._layers) - 1

    def apply(self, layer: keras.Layer, inputs: Sequence[int], **options: Any) -> list[int]:
        """Append what `layer` does and return the numbers of its outputs; `options` are those of its call."""
        if isinstance(layer, keras.Model):
            return self.model(layer, inputs)
        name = type(layer).__name__
        # A subclass may compute anything: only Keras' own classes count.
        if name not in LAYERS or type(layer) is not getattr(keras.layers, name, None):
            raise UnsupportedTypeError(f"layer {layer.name!r} ({name}) has no op in the layer graph")
        if getattr(layer, "data_format", None) == "channels_first":
            raise UnsupportedTypeError(
                f"layer {layer.name!r} ({name}) has its channels first; the layer graph has them last"
            )
        try:
            return [LAYERS[name](self, layer, inputs, **options)]
        except UnsupportedTypeError as e:
            raise UnsupportedTypeError(f"layer {layer.name!r} ({name}): {e.rule}") from e

    def model(self, model: keras.Model, inputs: Sequence[int]) -> list[int]:
        """Append the layers of a model and return the numbers of its outputs."""
        if type(model) is keras.Sequential:
            values = list(inputs)
            for layer in model.layers:
                values = self.apply(layer, values)
            return values
        if type(model).__name__ == "Functional":
            return _Functional(self, model).run(inputs)
        raise UnsupportedTypeError(
            f"model {model.name!r} ({type(model).__name__}) is neither Sequential nor Functional: "
            "how its layers hang together is code"
        )

    def graph(self, outputs: Sequence[int]) -> Graph:
        """What was collected."""
        return Graph(self._inputs, tuple(self._layers), tuple(outputs))

    def _position(self, variable: keras.Variable) -> int:
        if id(variable) not in self._positions:
            raise UnsupportedTypeError("a weight is computed (quantized or adapted), not one of the model's variables")
        return self._positions[id(variable)]


def graph_of(model: keras.Layer) -> Graph:
    """The layer graph of a built model.

    Raises:
        UnsupportedTypeError: neither Sequential nor Functional, or a layer without an op; names the layer.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "built", False):
        raise UnsupportedTypeError(f"{model.name!r} is not a built model: there is no layer graph to follow")
    try:
        builder = GraphBuilder(model)
    except (AttributeError, ValueError, TypeError) as e:  # a model that was built without symbolic inputs
        raise UnsupportedTypeError(f"model {model.name!r} does not say what its inputs are") from e
    return builder.graph(builder.model(model, range(len(model.inputs))))


class _Functional:
    def __init__(self, builder: GraphBuilder, model: keras.Model) -> None:
        self._builder = builder
        self._layers = {layer.name: layer for layer in model.layers}
        self._calls = Calls(model)

    def run(self, inputs: Sequence[int]) -> list[int]:
        values = dict(zip(self._calls.inputs, inputs, strict=True))
        for call in self._calls.in_order():
            for i, value in enumerate(self._append(call, values)):
                values[Source(call.layer, call.number, i)] = value
        return [values[source] for source in self._calls.outputs]

    def _append(self, call: Call, values: Mapping[Source, int]) -> list[int]:
        arguments, options, other = _sorted_arguments(call)
        found = list(leaves(arguments))
        inputs = [values[leaf] for leaf in found if isinstance(leaf, Source)]
        constants = [*other, *(leaf for leaf in found if not isinstance(leaf, Source))]
        if call.layer not in self._layers:
            return [self._operation(call, inputs, constants)]
        if constants:
            raise UnsupportedTypeError(
                f"layer {call.layer!r} ({call.class_name}) is called with {constants}: no op takes that"
            )
        return self._builder.apply(self._layers[call.layer], inputs, **options)

    def _operation(self, call: Call, inputs: Sequence[int], constants: Sequence[Any]) -> int:
        if not constants and call.class_name in OPERATIONS:
            return self._builder.add(OPERATIONS[call.class_name], inputs)
        if [type(c) for c in constants] in ([int], [float]) and call.class_name in OPERATIONS_WITH_NUMBER:
            parameter = OPERATIONS_WITH_NUMBER[call.class_name]
            return self._builder.add("rescale", inputs, {parameter: float(constants[0])})
        raise UnsupportedTypeError(f"operation {call.layer!r} ({call.class_name}) has no op in the layer graph")


def _sorted_arguments(call: Call) -> tuple[Any, dict[str, Any], list[str]]:
    """Arguments of a call in the order of its op, the options of the op, and names of arguments that no op takes."""
    known, order = CALL_OPTIONS.get(call.class_name, {}), CALL_TENSORS.get(call.class_name, ())
    args, kwargs = list(call.args), dict(call.kwargs)
    options = {known[key]: kwargs.pop(key) for key in list(kwargs) if key in known}
    if not order:
        return (args, kwargs), options, []
    if len(args) > len(order):
        return args, options, [f"{len(args)} arguments"]
    kwargs = dict(zip(order, args, strict=False)) | kwargs
    args = [value for key in order if (value := kwargs.pop(key, None)) is not None]
    return args, options, [key for key, value in kwargs.items() if value not in (None, False) and key != "training"]
