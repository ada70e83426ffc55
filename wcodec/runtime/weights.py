"""Tensors on their way from a file into the layers of a graph."""

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
from .residents import Residents

Tensors = dict[str, Any]  # name of an op's tensor -> float32 array or FactoredMatrix


class Weights:
    """The tensors of a graph's layers, as float32.

    What a layer only multiplies by stays factored where that is cheaper.
    """

    def __init__(self, source: TensorSource, graph: Graph, keep_bytes: int) -> None:
        self._source = source
        self._names = list(source.keys())
        self._factored = _multiplied_only(graph) if hasattr(source, "get_factors") else frozenset[int]()
        self._residents = Residents([layer.tensors for layer in graph.layers], self._fetch, keep_bytes)

    def __len__(self) -> int:
        return len(self._names)

    def of_layers(self) -> Generator[Tensors, None, None]:
        """The tensors of each layer in turn; none is fetched before its layer is asked for."""
        return self._residents.of_layers()

    def _fetch(self, position: int) -> tuple[Any, int]:
        name = self._names[position]
        tensor = self._decoded(name, position)
        if not isinstance(tensor, FactoredMatrix):
            if tensor.dtype.kind in "biuc":
                raise GraphError(f"a layer cannot compute with {tensor.dtype}", tensor=name)
            tensor = tensor.astype(np.float32, copy=False)
        return tensor, tensor.nbytes

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
