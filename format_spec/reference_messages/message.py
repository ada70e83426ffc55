"""A message and its body (messages.md, section 5)."""

from __future__ import annotations

import copy
import zlib

import numpy as np
from reference_decoder.coders import mixing
from reference_decoder.conventions import Bytes
from reference_decoder.elements import DTYPES
from reference_decoder.errors import RefusedError, require

from .contexts import State
from .errors import MESSAGE
from .model import Model, add, lowest_index
from .schema import BUFFER, EXACT, WEIGHT, split
from .symbols import read_symbols

BROADCAST, UPDATE, SUM = range(3)
HEARD, OWN, RESET, ONE_STEP = 4, 8, 16, 32


def number(source: Bytes) -> int:
    return source.leb128(5, MESSAGE)


class Message:
    """A message up to its body."""

    def __init__(self, data: bytes) -> None:
        source = Bytes(data, MESSAGE)
        require(source.take(1) == b"\xde", MESSAGE, "no message")
        byte = source.byte()
        self.kind, self.flags = byte & 3, byte & ~3
        require(self.kind < 3 and self.flags < 64, MESSAGE, "an unknown kind or flag")
        self.version = number(source)
        self.rounds = number(source) if self.kind == SUM else 1
        require(self.rounds, MESSAGE, "a sum of no broadcasts")
        self.base, self.head = source.take(4), data[: source.position]
        self.check, self.body = source.take(4), data[source.position :]


def read_body(message: Message, model: Model, memories: tuple, state: State) -> tuple[Model, list[int]]:
    """The model after a message, and the symbols of its weights; `state` learns from them."""
    crc = zlib.crc32(model.digest + message.head + message.body)
    require(message.check == crc.to_bytes(4, "little"), MESSAGE, "a message is damaged, or of another schema")
    moved = copy.deepcopy(model)
    weights = moved.of_role(WEIGHT)
    none = [0] * sum(t.size for t in weights)
    source = Bytes(message.body, MESSAGE)
    if not source.left():
        return moved, none
    in_unit = message.kind == SUM and not message.flags & ONE_STEP
    read_statistics(source, moved, in_unit)
    index, payload = source.byte(), source.data[source.position :]
    if not payload:
        return moved, none
    try:
        symbols = read_symbols(payload, weights, memories, state)
    except RefusedError as e:
        raise RefusedError(MESSAGE, str(e)) from None
    require(any(symbols), MESSAGE, "a payload of zeros")
    for t, part in split(weights, symbols):
        add(t, part, moved.weight_index(t, index), in_unit)
    return moved, symbols


def read_statistics(source: Bytes, model: Model, in_unit: bool) -> None:
    buffers, exact = model.of_role(BUFFER), model.of_role(EXACT)
    sizes = [len(buffers), sum(t.size for t in buffers), sum(t.size for t in exact)]
    if not any(sizes):
        return
    nbytes = number(source)
    if not nbytes:
        return
    specs = [((size,), DTYPES.index(np.dtype(np.int32))) for size in sizes if size]
    payload = source.take(nbytes - 1)
    try:
        arrays = [a.tolist() for a in mixing.decode(payload, specs)]
    except RefusedError as e:
        raise RefusedError(MESSAGE, str(e)) from None
    if buffers:
        indices, symbols = arrays.pop(0), arrays.pop(0)
        for (t, part), index in zip(split(buffers, symbols), indices, strict=True):
            require(lowest_index(t) <= index <= 255, MESSAGE, "the step index of a buffer")
            add(t, part, index, in_unit)
    for t, part in split(exact, arrays.pop(0) if exact else []):
        t.values = [v + d for v, d in zip(t.values, part, strict=True)]
