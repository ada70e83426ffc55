"""What a sender's earlier messages tell of its next one (format_spec/messages.md, temporal coder)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import backend
from .schema import Role, Schema

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
FIELDS = ("activity", "last", "rows", "columns", "means")


class Memory:
    """Running activity of each weight, row, column and tensor of a schema, and the coder's state.

    Attributes:
        count: messages that were taken in.
        model: uint32 words of the coder.
    """

    def __init__(self, schema: Schema) -> None:
        self._layout = schema.layout
        rows, columns = (sum(t[axis] for t in self._layout) for axis in (0, 1))
        size = schema.size(Role.WEIGHT)
        self._arrays = (
            np.zeros(size, np.uint16), np.zeros(size, np.int8), np.zeros(rows, np.uint32),
            np.zeros(columns, np.uint32), np.zeros(len(self._layout), np.uint32),
        )  # fmt: skip
        self.model = new_model()
        self.count = 0

    @property
    def arrays(self) -> Arrays:
        """What the kernel reads."""
        return self._arrays

    def take(self, symbols: np.ndarray) -> None:
        """Remember the symbols of one message."""
        backend.kernel.temporal_remember(symbols, self._layout, self._arrays)
        self.count += 1

    def state(self) -> dict[str, np.ndarray]:
        """All of it as named arrays."""
        fields: dict[str, np.ndarray] = dict(zip(FIELDS, self._arrays, strict=True))
        return {**fields, "model": self.model, "count": np.array(self.count, np.int64)}

    @classmethod
    def from_state(cls, schema: Schema, state: Mapping[str, np.ndarray]) -> Memory:
        """The inverse of `state`; ValueError where it is not of this schema."""
        memory = cls(schema)
        for field, array in zip(FIELDS, memory.arrays, strict=True):
            np.copyto(array, state[field])
        memory.model[:] = state["model"]
        memory.count = int(state["count"])
        return memory


def new_model() -> np.ndarray:
    """Words of a coder that has learned nothing."""
    model = np.zeros(backend.kernel.TEMPORAL_WORDS, np.uint32)
    backend.kernel.temporal_start(model)
    return model


def encode(
    symbols: np.ndarray, schema: Schema, heard: Memory | None, own: Memory | None, model: np.ndarray
) -> tuple[bytes, np.ndarray]:
    """The payload of a message's symbols, and the model after it; memories stay as they are."""
    learned = model.copy()
    payload = backend.kernel.temporal_encode(symbols, schema.layout, _arrays(heard), _arrays(own), learned)
    return payload, learned


def decode(
    payload: bytes | memoryview, schema: Schema, heard: Memory | None, own: Memory | None, model: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The symbols, and the model after them; PayloadError for what `encode` does not write."""
    learned = model.copy()
    symbols = np.zeros(schema.size(Role.WEIGHT), np.int32)
    backend.kernel.temporal_decode(payload, schema.layout, _arrays(heard), _arrays(own), learned, symbols)
    return symbols, learned


def _arrays(memory: Memory | None) -> Arrays | None:
    return None if memory is None else memory.arrays
