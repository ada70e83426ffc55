"""The layer graph of a network, and its form in a file (format_spec/graph.md).

Values are numbered: the network's inputs first, then the result of each layer. A layer on the wire says how far back
its inputs lie, so every graph that parses is acyclic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import GraphError, WczError
from .protocol import Op
from .registry import OPS, op_name

INPUTS, LAYERS, OUTPUTS = range(3)  # keys of the graph's map
ABSENT = -1  # key of a layer's parameter map: which optional tensors are not there
MAX_RANK = 32
_UNKNOWN_SIZE = -1


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        op: a name of `OPS`.
        inputs: numbers of the values it takes, in order.
        params: name -> value, where it is not the default.
        tensors: name of the op's tensor -> position in the file's name table.
    """

    op: str
    inputs: tuple[int, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A network: layers in an order in which they can run.

    Attributes:
        inputs: shape of each input, the batch axis left out, -1 for a size that is not fixed.
        layers: layer i makes value len(inputs) + i.
        outputs: numbers of the values that the network returns.
    """

    inputs: tuple[tuple[int, ...], ...]
    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]

    def to_wire(self) -> dict[int, Any]:
        """What msgpack stores: defaults left out."""
        cursor, stored = 0, []
        for number, layer in enumerate(self.layers, start=len(self.inputs)):
            wire, cursor = _layer_to_wire(layer, number, cursor)
            stored.append(wire)
        graph: dict[int, Any] = {INPUTS: [list(shape) for shape in self.inputs], LAYERS: stored}
        if self.outputs != (len(self.inputs) + len(self.layers) - 1,):
            graph[OUTPUTS] = list(self.outputs)
        return graph

    @classmethod
    def from_wire(cls, stored: Any) -> Graph:
        """Parse and check.

        Raises:
            GraphError: not a graph, or one with an op that this version does not know.
        """
        if not isinstance(stored, dict) or not {INPUTS, LAYERS} <= set(stored) <= {INPUTS, LAYERS, OUTPUTS}:
            raise GraphError("a graph is a map with the keys 0 (inputs), 1 (layers) and perhaps 2 (outputs)")
        inputs = tuple(_shape(shape) for shape in _listed(stored[INPUTS], "inputs"))
        layers = tuple(_layers(_listed(stored[LAYERS], "layers"), len(inputs)))
        values = len(inputs) + len(layers)
        outputs = tuple(_listed(stored.get(OUTPUTS, [values - 1]), "outputs"))
        if not inputs or not outputs or not all(_is_count(v) and v < values for v in outputs):
            raise GraphError(f"outputs {outputs} are not among the {values} values of the graph")
        return cls(inputs, layers, outputs)


def _layer_to_wire(layer: Layer, number: int, cursor: int) -> tuple[Any, int]:
    """One layer as stored, and the position of the tensor that the next one takes by default."""
    op = OPS[layer.op]
    params: dict[int, Any] = {}
    for position, (name, kind) in enumerate(op.params.items()):
        value = layer.params.get(name, kind.default)
        if value is None:
            raise GraphError(f"{layer.op} needs the parameter {name!r}")
        if kind.default is None or kind.to_wire(value) != kind.to_wire(kind.default):
            params[position] = kind.to_wire(value)
    absent = sum(1 << i for i, name in enumerate(op.tensors) if name not in layer.tensors)
    if absent:
        params[ABSENT] = absent
    distances = [number - value for value in layer.inputs]
    tensors = [layer.tensors[name] for name in op.tensors if name in layer.tensors]
    in_order = tensors == list(range(cursor, cursor + len(tensors)))
    wire = [op.number, params, distances, tensors]
    keep = 4 if not in_order else 3 if distances != [1] else 2 if params else 1
    return (wire[:keep] if keep > 1 else op.number), (tensors[-1] + 1 if tensors else cursor)


def _layers(stored: Sequence[Any], inputs: int) -> Iterator[Layer]:
    cursor = 0
    for number, wire in enumerate(stored):
        try:
            layer = _layer_from_wire(wire, inputs + number, cursor)
        except WczError as e:
            raise type(e)(f"layer {number} of the graph: {e.rule}") from e
        if layer.tensors:
            cursor = list(layer.tensors.values())[-1] + 1
        yield layer


def _layer_from_wire(wire: Any, number: int, cursor: int) -> Layer:
    fields = list(wire) if isinstance(wire, list | tuple) else [wire]
    if not 1 <= len(fields) <= 4:
        raise GraphError(f"a layer has 1 to 4 fields, not {len(fields)}")
    name = op_name(fields[0])
    op = OPS[name]
    stored = fields[1] if len(fields) > 1 else {}
    if not isinstance(stored, dict):
        raise GraphError("the parameters of a layer are a map")
    params, present = _params(op, stored)
    distances = _listed(fields[2] if len(fields) > 2 else [1], "inputs of a layer")
    low, high = op.inputs
    if not low <= len(distances) <= high or not all(_is_count(d) and 1 <= d <= number for d in distances):
        raise GraphError(f"{name} takes {low} to {high} values from before it, not those at {distances}")
    places = _listed(fields[3] if len(fields) > 3 else range(cursor, cursor + len(present)), "tensors of a layer")
    if len(places) != len(present) or not all(map(_is_count, places)):
        raise GraphError(f"{name} takes the tensors {present}, not {places}")
    return Layer(name, tuple(number - d for d in distances), params, dict(zip(present, places, strict=True)))


def _params(op: Op, stored: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """Parameters by name, and the tensors that the layer has."""
    kinds = list(op.params.items())
    absent = stored.get(ABSENT, 0)
    optional = sum(1 << i for i, name in enumerate(op.tensors) if name in op.optional)
    if not _is_count(absent) or absent & ~optional:
        raise GraphError(f"{absent!r} does not name optional tensors of this op")
    params = {}
    for key, value in stored.items():
        if key != ABSENT:
            if not _is_count(key) or key >= len(kinds):
                raise GraphError(f"this op has no parameter {key!r}")
            name, kind = kinds[key]
            params[name] = kind.from_wire(value)
    missing = [name for name, kind in kinds if kind.default is None and name not in params]
    if missing:
        raise GraphError(f"the parameter {missing[0]!r} is missing")
    return params, [name for i, name in enumerate(op.tensors) if not absent >> i & 1]


def _listed(stored: Any, what: str) -> list[Any]:
    if not isinstance(stored, list | tuple | range):
        raise GraphError(f"the {what} are a list, not {type(stored).__name__}")
    return list(stored)


def _shape(stored: Any) -> tuple[int, ...]:
    shape = tuple(_listed(stored, "sizes of an input"))
    if len(shape) > MAX_RANK or not all(_is_count(size) or size == _UNKNOWN_SIZE for size in shape):
        raise GraphError(f"{shape} is not the shape of an input")
    return shape


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
