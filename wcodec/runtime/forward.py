"""A file that can be read once, from its start to its end: a pipe, or a server without ranges."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np

from ..chunks.decoder import decode_chunk
from ..container import DEFAULT_LIMITS, Limits, Reader
from ..errors import GraphError
from ..sources import open_forward


class ForwardFile:
    """Gives each tensor once, as the runtime asks for them; holds those that pass by before they are asked for.

    Names and graph must stand before the first tensor, as every writer of wcodec puts them. In a file whose tensors
    come in the order of the layers, no large tensor ever waits.
    """

    def __init__(self, src: Any, limits: Limits = DEFAULT_LIMITS) -> None:
        """Read up to the first tensor."""
        self._limits = limits
        self._held: dict[str, np.ndarray] = {}
        self._given: set[str] = set()
        with ExitStack() as stack:
            self._reader = Reader(stack.enter_context(open_forward(src)), limits)
            self._chunks = iter(self._reader)
            self._next = next(self._chunks, None)
            self._stack = stack.pop_all()

    def keys(self) -> list[str]:
        """Names in model order, those of the names chunks before the first tensor."""
        return [entry.name for entry in self._reader.names]

    def graph(self) -> Any:
        """The graph chunk, None where none stands before the first tensor."""
        return self._reader.graph

    def get_tensor(self, name: str) -> np.ndarray:
        """Read on until the tensor is there.

        Raises:
            GraphError: it was given before.
            TruncatedError, ...: the source ends, stalls or is damaged first.
        """
        while name not in self._held:
            if name in self._given or self._next is None:
                raise GraphError("the source cannot be read again; give the runner room (keep_bytes) or a file",
                                 tensor=name)  # fmt: skip
            self._held.update(decode_chunk(self._next, self._limits))
            self._next = None
            self._next = next(self._chunks, None)
        self._given.add(name)
        return self._held.pop(name)

    def close(self) -> None:
        """Close the source if it was opened here."""
        self._stack.close()
