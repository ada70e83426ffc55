"""The layer graph of a Sequential or Functional Keras model (format_spec/graph.md).

A Functional model is read off its `get_config`, the public description of how its layers hang together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from ..errors import UnsupportedTypeError
from ..runtime.graph import Graph, Layer
from ..train.variables import variable_names
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


class _Node(NamedTuple):
    """One call of one layer, or of a function of keras.ops, in a Functional model.

    Attributes:
        name: of the layer.
        number: among the calls of this layer.
        class_name: of the layer.
        inputs: (layer, call, output) that each argument is.
        constants: arguments that are no tensors of the model.
        options: of the call, those that its op has a place for.
    """

    name: str
    number: int
    class_name: str
    inputs: list[tuple[str, int, int]]
    constants: list[Any]
    options: dict[str, Any]


class _Functional:
    def __init__(self, builder: GraphBuilder, model: keras.Model) -> None:
        self._builder = builder
        self._name = model.name
        self._layers = {layer.name: layer for layer in model.layers}
        try:
            self._config = model.get_config()
        except NotImplementedError as e:
            raise UnsupportedTypeError(f"model {model.name!r} has a layer without get_config: {e}") from e

    def run(self, inputs: Sequence[int]) -> list[int]:
        values = dict(zip(_histories(self._config["input_layers"]), inputs, strict=True))
        waiting = list(self._nodes())
        while waiting:  # `get_config` lists layers, not calls, in order: a shared layer may be called again much later
            node = next((node for node in waiting if all(source in values for source in node.inputs)), None)
            if node is None:
                raise UnsupportedTypeError(f"model {self._name!r} has calls that depend on each other")
            for i, value in enumerate(self._call(node, [values[source] for source in node.inputs])):
                values[node.name, node.number, i] = value
            waiting.remove(node)
        return [values[source] for source in _histories(self._config["output_layers"])]

    def _nodes(self) -> Iterator[_Node]:
        for entry in self._config["layers"]:
            for number, call in enumerate(entry["inbound_nodes"]):
                arguments, options, other = _sorted_arguments(entry["class_name"], call)
                leaves = list(_leaves(arguments))
                tensors = [leaf.history for leaf in leaves if isinstance(leaf, _Source)]
                constants = [*other, *(leaf for leaf in leaves if not isinstance(leaf, _Source))]
                yield _Node(entry["name"], number, entry["class_name"], tensors, constants, options)

    def _call(self, node: _Node, inputs: Sequence[int]) -> list[int]:
        if node.name not in self._layers:
            return [self._operation(node, inputs)]
        if node.constants:
            raise UnsupportedTypeError(
                f"layer {node.name!r} ({node.class_name}) is called with {node.constants}: no op takes that"
            )
        return self._builder.apply(self._layers[node.name], inputs, **node.options)

    def _operation(self, node: _Node, inputs: Sequence[int]) -> int:
        if not node.constants and node.class_name in OPERATIONS:
            return self._builder.add(OPERATIONS[node.class_name], inputs)
        if [type(c) for c in node.constants] in ([int], [float]) and node.class_name in OPERATIONS_WITH_NUMBER:
            parameter = OPERATIONS_WITH_NUMBER[node.class_name]
            return self._builder.add("rescale", inputs, {parameter: float(node.constants[0])})
        raise UnsupportedTypeError(f"operation {node.name!r} ({node.class_name}) has no op in the layer graph")


def _sorted_arguments(class_name: str, call: Mapping[str, Any]) -> tuple[Any, dict[str, Any], list[str]]:
    """Arguments of a call in the order of its op, the options of the op, and names of arguments that no op takes."""
    known, order = CALL_OPTIONS.get(class_name, {}), CALL_TENSORS.get(class_name, ())
    args, kwargs = list(call["args"]), dict(call["kwargs"])
    options = {known[key]: kwargs.pop(key) for key in list(kwargs) if key in known}
    if not order:
        return (args, kwargs), options, []
    if len(args) > len(order):
        return args, options, [f"{len(args)} arguments"]
    kwargs = dict(zip(order, args, strict=False)) | kwargs
    args = [value for key in order if (value := kwargs.pop(key, None)) is not None]
    return args, options, [key for key, value in kwargs.items() if value not in (None, False) and key != "training"]


class _Source(NamedTuple):
    """An argument that is a tensor of the model."""

    history: tuple[str, int, int]


def _histories(structure: Any) -> list[tuple[str, int, int]]:
    """Leaves [layer, call, output] of a nested structure; dictionaries by key, as Keras flattens them."""
    if isinstance(structure, Mapping):
        return [leaf for key in sorted(structure) for leaf in _histories(structure[key])]
    if structure and isinstance(structure[0], str):
        return [tuple(structure)]
    return [leaf for part in structure for leaf in _histories(part)]


def _leaves(argument: Any) -> Iterator[Any]:
    """Tensors and constants of nested call arguments, in order; None and a mode of training are neither."""
    if isinstance(argument, Mapping) and argument.get("class_name") == "__keras_tensor__":
        yield _Source(tuple(argument["config"]["keras_history"]))
    elif isinstance(argument, Mapping):
        for key, part in argument.items():
            if key != "training" or isinstance(part, Mapping):
                yield from _leaves(part)
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from _leaves(part)
    elif argument is not None:
        yield argument
