"""Tensors on their way from a file into layers: decoded when needed, kept while they fit."""

from __future__ import annotations

import numpy as np

from ..errors import GraphError
from .protocol import TensorSource

# A file codes tensors below this size together: fetching one again would decode the whole group again.
SMALL_TENSOR = 8192


class Weights:
    """float32 tensors by position in the name table.

    Small tensors stay once they were decoded; others stay while all that stay take no more than `keep_bytes`.
    """

    def __init__(self, source: TensorSource, keep_bytes: int) -> None:
        self._source = source
        self._names = list(source.keys())
        self._kept: dict[int, np.ndarray] = {}
        self._room = keep_bytes

    def __len__(self) -> int:
        return len(self._names)

    def get(self, position: int) -> np.ndarray:
        """The tensor at `position`, not to be written to; GraphError where it is not a float tensor."""
        if position in self._kept:
            return self._kept[position]
        name = self._names[position]
        tensor = self._source.get_tensor(name)
        if tensor.dtype.kind in "biuc":
            raise GraphError(f"a layer cannot compute with {tensor.dtype}", tensor=name)
        tensor = tensor.astype(np.float32, copy=False)
        if tensor.size < SMALL_TENSOR:
            self._kept[position] = tensor
        elif tensor.nbytes <= self._room:
            self._kept[position] = tensor
            self._room -= tensor.nbytes
        return tensor
