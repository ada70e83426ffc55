"""The broadcasts of a federation, for those who missed some (format_spec/messages.md, sums)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ..errors import MessageError
from .lattice import STEPS, Difference, Model, unit
from .schema import Role, Schema

MAX_SUM = 2**31 - 1


@dataclass(frozen=True)
class Entry:
    """One broadcast.

    Attributes:
        version: that it leads from.
        base: digest of that version.
        message: its bytes.
        resets: whether memories begin with it.
        difference: what it adds; its weights are zero but at `places`, where `symbols` says what they are.
    """

    version: int
    base: bytes
    message: bytes
    resets: bool
    difference: Difference
    places: np.ndarray
    symbols: np.ndarray


class History:
    """The last broadcasts, sparse."""

    def __init__(self, keep: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=max(keep, 1))
        self._model: Model | None = None
        self._lowest = STEPS - 1
        self._lowest_buffers = np.empty(0, np.int32)

    def add(self, model: Model, difference: Difference, message: bytes, resets: bool) -> None:
        """The broadcast that leads from `model` to the next version."""
        places = np.flatnonzero(difference.weights)
        symbols = difference.weights[places]
        light = difference._replace(weights=np.empty(0, np.int32))
        self._entries.append(Entry(model.version, model.base(), message, resets, light, places, symbols))
        if not self._lowest_buffers.size:
            self._lowest_buffers = difference.buffer_indices
        self._lowest_buffers = np.minimum(self._lowest_buffers, difference.buffer_indices)
        self._lowest = min(self._lowest, difference.step_index) if places.size else self._lowest
        self._model = model

    def reaches(self, version: int) -> bool:
        """Whether what came after `version` is here; true where nothing came."""
        return not self._entries or self._entries[0].version <= version

    def since(self, version: int) -> list[bytes]:
        """The messages after `version`."""
        return [entry.message for entry in self._entries if entry.version >= version]

    def last(self) -> bytes:
        """The newest message."""
        return self._entries[-1].message

    def last_resets(self) -> bool:
        """Whether memories begin with the newest message."""
        return bool(self._entries) and self._entries[-1].resets

    def sum(self, first: int, last: int) -> tuple[bytes, Difference, bool]:
        """Digest of version `first`, what leads from it to version `last`, and whether that is in steps, not in units.

        Raises:
            MessageError: a sum that no symbol holds.
        """
        if self._model is None:
            raise MessageError("nothing was broadcast yet")
        entries = [entry for entry in self._entries if first <= entry.version < last]
        indices = {entry.difference.step_index for entry in entries if entry.places.size}
        one_step = len(indices) <= 1 and not entries[0].difference.buffers.size
        lowest = min(indices, default=0)
        weights = self._sum_weights(self._model, entries, lowest, one_step)
        buffer_indices, buffers = _sum_buffers(self._model.schema, entries)
        exact = np.asarray(np.sum([entry.difference.exact for entry in entries], axis=0, dtype=np.int64))
        _require_symbols(weights, buffers, exact)
        difference = Difference(lowest, weights.astype(np.int32), buffer_indices, buffers.astype(np.int32), exact)
        return entries[0].base, difference, one_step

    def from_start(self, start: Model, last: int, newest: Model) -> tuple[bytes, Difference, bool]:
        """`sum` from a frame on, in units: the difference of the models at both ends, of which `last` may be the one
        before the newest."""
        end = newest if last == newest.version or self._model is None else self._model
        totals = [end.weights - start.weights, end.buffers - start.buffers]
        indices = [start.weight_indices(self._lowest), self._lowest_buffers.tolist()]
        for role, total, places in zip((Role.WEIGHT, Role.BUFFER), totals, indices, strict=True):
            for span, index in zip(start.schema.spans(role), places, strict=True):
                total[span] /= unit(index)
        exact = end.exact - start.exact
        _require_symbols(*totals, exact)
        weights, buffers = (total.astype(np.int32) for total in totals)
        return start.base(), Difference(self._lowest, weights, self._lowest_buffers, buffers, exact), False

    @staticmethod
    def _sum_weights(model: Model, entries: list[Entry], lowest: int, one_step: bool) -> np.ndarray:
        total = np.zeros(model.weights.size, np.int64)
        if one_step:
            for entry in entries:
                total[entry.places] += entry.symbols
            return total
        units = model.weight_indices(lowest)
        spans = model.schema.spans(Role.WEIGHT)
        for entry in entries:
            factors = zip(spans, model.weight_indices(entry.difference.step_index), units, strict=True)
            for span, index, low in factors:
                inside = slice(*np.searchsorted(entry.places, (span.start, span.stop)))
                total[entry.places[inside]] += entry.symbols[inside].astype(np.int64) * multiple(index, low)
        return total


def _require_symbols(*vectors: np.ndarray) -> None:
    if any(v.size and np.abs(v).max() > MAX_SUM for v in vectors):
        raise MessageError("a sum of rounds exceeds the symbols")


def multiple(index: int, low: int) -> int:
    """A step in units of the lower step index `low`."""
    return 4 + index % 4 << index // 4 - low // 4


def _sum_buffers(schema: Schema, entries: list[Entry]) -> tuple[np.ndarray, np.ndarray]:
    moved = [entry.difference for entry in entries]
    indices = (
        np.min([d.buffer_indices for d in moved], axis=0) if moved[0].buffer_indices.size else moved[0].buffer_indices
    )
    total = np.zeros(moved[0].buffers.size, np.int64)
    for difference in moved:
        for span, index, low in zip(schema.spans(Role.BUFFER), difference.buffer_indices, indices, strict=True):
            if difference.buffers[span].any():
                total[span] += difference.buffers[span].astype(np.int64) * multiple(int(index), int(low))
    return indices.astype(np.int32), total
