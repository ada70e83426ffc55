"""One message of a federation as bytes (format_spec/messages.md, messages and packets)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..coders import CODERS, ArraySpec
from ..container.layout import leb128
from ..errors import MessageError, WczError
from . import memory as temporal
from .lattice import BASE_BYTES, Difference
from .memory import Memory
from .schema import Role, Schema

TAG = 0xDE
CHECK_BYTES = 4
MAX_NUMBER_BYTES = 5
HEARD, OWN, RESET, ONE_STEP = 4, 8, 16, 32  # flags, above the kind
STATISTICS = CODERS["mixing"]  # of buffers and exact values
INT32 = np.dtype(np.int32)


class Kind(IntEnum):
    """What a message is; a frame is a `.wcz` file and no message."""

    BROADCAST = 0  # the next version
    UPDATE = 1  # of one client, on a version
    SUM = 2  # several broadcasts in one


@dataclass(frozen=True)
class Header:
    """What precedes the body.

    Attributes:
        kind: of the message.
        flags: HEARD: coded with the memory of the broadcasts; OWN: with the memory of this sender's updates; RESET: the
            memory of the broadcasts starts anew with this one; ONE_STEP: a sum in steps, not in units.
        version: that the message is a difference from.
        rounds: versions that it spans.
        base: digest of that version, as much as a message holds.
    """

    kind: Kind
    flags: int
    version: int
    rounds: int
    base: bytes

    def pack(self) -> bytes:
        """Tag, kind and flags, version, the number of rounds of a sum, base."""
        numbers = leb128(self.version) + (leb128(self.rounds) if self.kind is Kind.SUM else b"")
        return bytes([TAG, self.kind | self.flags]) + numbers + self.base


def parse(message: bytes | memoryview) -> tuple[Header, memoryview, int]:
    """The header of a message, its check and everything behind it, and the bytes of the header.

    Raises:
        MessageError: not a message, or one that ends within its header.
    """
    data = memoryview(message)
    if len(data) < 2 or data[0] != TAG:
        raise MessageError("these bytes are no message of a federation")
    kind, flags = data[1] & 3, data[1] & ~3
    if kind not in tuple(Kind) or flags & ~(HEARD | OWN | RESET | ONE_STEP):
        raise MessageError("a message of an unknown kind, or with unknown flags")
    version, at = read_number(data, 2)
    rounds = 1
    if kind == Kind.SUM:
        rounds, at = read_number(data, at)
    if len(data) < at + BASE_BYTES + CHECK_BYTES:
        raise MessageError("a message ends within its header")
    if rounds == 0:
        raise MessageError("a sum of no rounds")
    header = Header(Kind(kind), flags, version, rounds, bytes(data[at : at + BASE_BYTES]))
    return header, data[at + BASE_BYTES :], at + BASE_BYTES


def encode(
    header: Header, difference: Difference, schema: Schema, memories: tuple[Memory | None, Memory | None],
    model: np.ndarray,
) -> tuple[bytes, np.ndarray]:  # fmt: skip
    """A whole message, and the coder's state after it.

    Args:
        header: with the flags that `memories` agree with.
        difference: what it carries.
        schema: of the model.
        memories: of the broadcasts and of the sender's updates, or None.
        model: the coder's state before it.
    """
    body = _pack_statistics(difference, schema)
    if difference.weights.any():
        payload, model = temporal.encode(difference.weights, schema, *memories, model)
        body += bytes([difference.step_index]) + payload
    elif any(body):
        body += bytes([difference.step_index])
    else:
        body = b""
    head = header.pack()
    return head + _check(schema, head, body) + body, model


def decode_body(
    message: bytes | memoryview, schema: Schema, memories: tuple[Memory | None, Memory | None], model: np.ndarray
) -> tuple[Difference, np.ndarray]:
    """What a message carries, and the coder's state after it.

    Raises:
        MessageError: damaged, or of another schema.
        WczError: a payload that does not hold what the schema declares.
    """
    _, rest, nbytes = parse(message)
    body = rest[CHECK_BYTES:]
    if bytes(rest[:CHECK_BYTES]) != _check(schema, memoryview(message)[:nbytes], body):
        raise MessageError("a message is damaged, or of another schema: its check disagrees")
    if not len(body):
        return zero(schema), model
    buffers, indices, exact, at = _unpack_statistics(body, schema)
    if at >= len(body):
        raise MessageError("a message ends before its step")
    index, payload = body[at], body[at + 1 :]
    if not len(payload):
        return Difference(index, zero(schema).weights, indices, buffers, exact), model
    try:
        weights, model = temporal.decode(payload, schema, *memories, model)
    except WczError as e:
        raise MessageError(f"the symbols of a message: {e}") from e
    if not weights.any():
        raise MessageError("a message codes zeros that it should leave out")
    return Difference(index, weights, indices, buffers, exact), model


def zero(schema: Schema) -> Difference:
    """The difference that moves nothing."""
    weights, buffers = (np.zeros(schema.size(role), np.int32) for role in (Role.WEIGHT, Role.BUFFER))
    indices = np.full(len(schema.of_role(Role.BUFFER)), 255, np.int32)
    return Difference(0, weights, indices, buffers, np.zeros(schema.size(Role.EXACT), np.int64))


def pack_packet(acknowledged: int, blobs: Sequence[bytes]) -> bytes:
    """What a server sends to one client: 1 + the number of its updates that the server remembers, 0 where it remembers
    none, and frames and messages in order."""
    inner = b"".join(leb128(len(blob)) + blob for blob in blobs[:-1])
    return leb128(acknowledged) + leb128(len(blobs) - 1) + inner + blobs[-1]


def unpack_packet(packet: bytes | memoryview, most: int = 64) -> tuple[int, list[memoryview]]:
    """The inverse of `pack_packet`; MessageError where it is not well formed."""
    data = memoryview(packet)
    acknowledged, at = read_number(data, 0)
    inner, at = read_number(data, at)
    if inner >= most:
        raise MessageError(f"a packet of {inner + 1} parts, {most} at most")
    blobs = []
    for _ in range(inner):
        nbytes, at = read_number(data, at)
        if nbytes > len(data) - at:
            raise MessageError("a packet ends early")
        blobs.append(data[at : at + nbytes])
        at += nbytes
    return acknowledged, [*blobs, data[at:]]


def read_number(data: memoryview, at: int) -> tuple[int, int]:
    """A LEB128 number in its shortest form, and where it ends."""
    value = 0
    for count in range(MAX_NUMBER_BYTES):
        if at + count >= len(data):
            raise MessageError("a message ends within a number")
        byte = data[at + count]
        value |= (byte & 127) << 7 * count
        if byte < 128:
            if count and byte == 0:
                raise MessageError("a number is not in its shortest form")
            return value, at + count + 1
    raise MessageError("a number does not end")


def _check(schema: Schema, head: bytes | memoryview, body: bytes | memoryview) -> bytes:
    """CRC-32 over the schema's digest, header and body."""
    return zlib.crc32(body, zlib.crc32(head, zlib.crc32(schema.digest))).to_bytes(CHECK_BYTES, "little")


def _statistics_specs(schema: Schema) -> list[ArraySpec]:
    tensors = len(schema.of_role(Role.BUFFER))
    sizes = (tensors, schema.size(Role.BUFFER), schema.size(Role.EXACT))
    return [ArraySpec((size,), INT32) for size in sizes if size]


def _pack_statistics(difference: Difference, schema: Schema) -> bytes:
    """Buffers and exact values, with the bytes that they take before them; nothing where the schema has neither."""
    specs = _statistics_specs(schema)
    if not specs:
        return b""
    arrays = [a for a in (difference.buffer_indices, difference.buffers, difference.exact) if a.size]
    if not difference.buffers.any() and not difference.exact.any():
        return leb128(0)
    payload = STATISTICS.encode([np.asarray(a, np.int32) for a in arrays])
    return leb128(len(payload) + 1) + payload


def _unpack_statistics(body: memoryview, schema: Schema) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Buffers, their step indices, exact values, and where the step of the weights stands."""
    nothing = zero(schema)
    specs = _statistics_specs(schema)
    if not specs:
        return nothing.buffers, nothing.buffer_indices, nothing.exact, 0
    nbytes, at = read_number(body, 0)
    if nbytes == 0:
        return nothing.buffers, nothing.buffer_indices, nothing.exact, at
    if nbytes - 1 > len(body) - at:
        raise MessageError("a message ends within its statistics")
    try:
        arrays = STATISTICS.decode(body[at : at + nbytes - 1], specs)
    except WczError as e:
        raise MessageError(f"the statistics of a message: {e}") from e
    indices, buffers = (
        (arrays.pop(0), arrays.pop(0)) if nothing.buffers.size else (nothing.buffer_indices, nothing.buffers)
    )
    exact = arrays.pop(0).astype(np.int64) if nothing.exact.size else nothing.exact
    return buffers, indices, exact, at + nbytes - 1
