"""How much memory a network takes to run, from shapes alone (docs/notes/streaming.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..chunks.grouping import SMALL_TENSOR
from ..errors import GraphError
from .graph import Graph
from .liveness import last_uses
from .protocol import Shape, check_elements
from .registry import OPS

FLOAT = 4  # bytes
OVERHEAD = 4 << 20  # pages of code and tables that a first run loads, and what the allocator keeps
COPIES = 3  # arrays of the size of the largest input or result that an op holds at most while it runs

MISFIT = (ValueError, TypeError, IndexError, KeyError, ArithmeticError)  # what ops raise where shapes do not fit


class TensorNeed(NamedTuple):
    """What a tensor takes.

    Attributes:
        shape: of the tensor.
        nbytes: while it is decoded, itself included.
    """

    shape: Shape
    nbytes: int


class Need(NamedTuple):
    """Bytes that running takes on top of the interpreter and its modules, and the layer that takes most."""

    nbytes: int
    layer: int
    op: str


def memory_needed(
    graph: Graph, inputs: Sequence[Shape], tensors: Sequence[TensorNeed], *, keep_bytes: int, layers_ahead: int
) -> Need:
    """A bound of the memory at the peak: activations that live, weights of the layer at work, decoding, scratch.

    Args:
        graph: of the network.
        inputs: shape of each input, the batch included.
        tensors: by position in the file.
        keep_bytes: room for tensors that stay.
        layers_ahead: layers whose weights are decoded while another computes.

    Raises:
        GraphError: shapes that do not fit each other; names the layer.
        LimitError: an activation above the runtime's limit.
    """
    shapes: dict[int, Shape] = dict(enumerate(inputs))
    used = {p for layer in graph.layers for p in layer.tensors.values()}
    small = sum(FLOAT * size for p in used if (size := math.prod(tensors[p].shape)) < SMALL_TENSOR)
    large = sum(FLOAT * size for p in used if (size := math.prod(tensors[p].shape)) >= SMALL_TENSOR)
    stays = small + min(keep_bytes, large)
    weights = [_weights(layer.tensors, tensors) for layer in graph.layers]
    dies = last_uses(graph)
    peak = Need(0, 0, "no layer")
    for number, layer in enumerate(graph.layers):
        value = len(inputs) + number
        taken = [shapes[v] for v in layer.inputs]
        given = {name: tensors[p].shape for name, p in layer.tensors.items()}
        op = OPS[layer.op]
        try:
            shape = op.shape(*taken, **given, **layer.params)
            scratch = op.scratch(*taken, **given, **layer.params)
        except MISFIT as e:
            raise GraphError(f"layer {number} ({layer.op}) does not fit its inputs or tensors: {e}") from e
        check_elements(shape)
        alive = sum(math.prod(s) for s in shapes.values())
        largest = max(math.prod(s) for s in (*taken, shape))
        decoding = max(weights[number : number + 1 + layers_ahead], key=lambda w: w.decoding).decoding
        resident = sum(w.resident for w in weights[number : number + 1 + layers_ahead])
        nbytes = OVERHEAD + stays + FLOAT * (alive + COPIES * largest + scratch) + resident + decoding
        peak = max(peak, Need(nbytes, number, layer.op))
        shapes[value] = shape
        for dead in dies.get(value, ()):
            del shapes[dead]
    return peak


class _Weights(NamedTuple):
    resident: int
    decoding: int


def _weights(positions: Mapping[str, int], tensors: Sequence[TensorNeed]) -> _Weights:
    needs = [tensors[p] for p in positions.values()]
    resident = sum(FLOAT * math.prod(need.shape) for need in needs)
    return _Weights(resident, max((need.nbytes - FLOAT * math.prod(need.shape) for need in needs), default=0))
