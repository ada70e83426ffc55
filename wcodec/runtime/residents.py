"""Tensors of layers that run one after another: fetched when needed, kept while they fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from ..chunks.grouping import SMALL_TENSOR  # fetching one of these again would decode its whole group again

Fetch = Callable[[int], tuple[Any, int]]  # position in the file -> a tensor as layers take it, its bytes


class Residents:
    """The tensors of each layer in turn.

    Small tensors stay once they were fetched; others stay while all that stay take no more than `keep_bytes`. A tensor
    of several layers stays until the last of them has it.
    """

    def __init__(self, layers: Sequence[Mapping[Any, int]], fetch: Fetch, keep_bytes: int) -> None:
        """Fetch nothing yet.

        Args:
            layers: key of a layer's tensor, whatever the layer knows it by -> position in the file.
            fetch: gives a tensor, anything with a `shape`.
            keep_bytes: of all that stay beside the small ones.
        """
        self._layers, self._fetch, self._room = layers, fetch, keep_bytes
        self._kept: dict[int, Any] = {}
        self._last_layer = {p: n for n, tensors in enumerate(layers) for p in tensors.values()}

    def of_layers(self) -> Generator[dict[Any, Any], None, None]:
        """The tensors of each layer by its keys; none is fetched before its layer is asked for."""
        waiting: dict[Any, Any] = {}
        shared: dict[int, Any] = {}  # fetched, and needed by a later layer of this pass
        for number, tensors in enumerate(self._layers):
            waiting = {key: self._get(position, number, shared) for key, position in tensors.items()}
            yield waiting
            waiting = {}

    def _get(self, position: int, layer: int, shared: dict[int, Any]) -> Any:
        if position in self._kept:
            return self._kept[position]
        tensor = shared.pop(position) if position in shared else self._fetched(position)
        if position not in self._kept and layer < self._last_layer[position]:
            shared[position] = tensor
        return tensor

    def _fetched(self, position: int) -> Any:
        tensor, nbytes = self._fetch(position)
        if math.prod(tensor.shape) < SMALL_TENSOR:
            self._kept[position] = tensor
        elif nbytes <= self._room:
            self._kept[position] = tensor
            self._room -= nbytes
        return tensor
