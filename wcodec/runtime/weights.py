"""Tensors on their way from a file into layers: decoded when needed, kept while they fit."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ..chunks.decoder import Factored
from ..errors import GraphError
from .factored import FactoredMatrix, applies
from .graph import Graph, Layer
from .protocol import TensorSource
from .registry import OPS

# A file codes tensors below this size together: fetching one again would decode the whole group again.
SMALL_TENSOR = 8192

Tensors = dict[str, Any]  # name of an op's tensor -> float32 array or FactoredMatrix


class Weights:
    """The tensors of a graph's layers, as float32.

    Small tensors stay once they were decoded; others stay while all that stay take no more than `keep_bytes`. A tensor
    of several layers stays until the last of them has it. What a layer only multiplies by stays factored where that is
    cheaper.
    """

    def __init__(self, source: TensorSource, graph: Graph, keep_bytes: int) -> None:
        self._source = source
        self._names = list(source.keys())
        self._kept: dict[int, Any] = {}
        self._room = keep_bytes
        self._last_layer = {p: n for n, layer in enumerate(graph.layers) for p in layer.tensors.values()}
        self._factored = _multiplied_only(graph) if hasattr(source, "get_factors") else frozenset[int]()
        self._layers = graph.layers

    def __len__(self) -> int:
        return len(self._names)

    def name(self, position: int) -> str:
        """The name of a tensor in the file."""
        return self._names[position]

    def of_layers(self) -> Generator[Tensors, None, None]:
        """The tensors of each layer in turn; none is fetched before its layer is asked for."""
        waiting: Tensors = {}
        shared: dict[int, Any] = {}  # fetched, and needed by a later layer of this pass
        for number, layer in enumerate(self._layers):
            waiting = {name: self._get(position, number, shared) for name, position in layer.tensors.items()}
            yield waiting
            waiting = {}

    def _get(self, position: int, layer: int, shared: dict[int, Any]) -> Any:
        if position in self._kept:
            return self._kept[position]
        tensor = shared.pop(position) if position in shared else self._fetch(position)
        if position not in self._kept and layer < self._last_layer[position]:
            shared[position] = tensor
        return tensor

    def _fetch(self, position: int) -> Any:
        name = self._names[position]
        tensor = self._decoded(name, position)
        if not isinstance(tensor, FactoredMatrix):
            if tensor.dtype.kind in "biuc":
                raise GraphError(f"a layer cannot compute with {tensor.dtype}", tensor=name)
            tensor = tensor.astype(np.float32, copy=False)
            if tensor.size < SMALL_TENSOR:
                self._kept[position] = tensor
                return tensor
        if tensor.nbytes <= self._room:
            self._kept[position] = tensor
            self._room -= tensor.nbytes
        return tensor

    def _decoded(self, name: str, position: int) -> Any:
        if position not in self._factored:
            return self._source.get_tensor(name)
        found = self._source.get_factors(name)  # type: ignore[attr-defined]
        if not isinstance(found, Factored):
            return found
        return FactoredMatrix(found.factorization, found.factors) if applies(found) else found.weight()


def _multiplied_only(graph: Graph) -> frozenset[int]:
    """Positions of the tensors that all of their layers only multiply by."""

    def positions(layers: Sequence[Layer], factored: bool) -> set[int]:
        return {
            position
            for layer in layers
            for name, position in layer.tensors.items()
            if (name in OPS[layer.op].factored) is factored
        }

    return frozenset(positions(graph.layers, True) - positions(graph.layers, False))
