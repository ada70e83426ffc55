"""The body of a tensor or group chunk: manifest + payload streams (format_spec/wcz.md, section 5).

body     := manifest payload...
manifest := msgpack [streams, record, ...]
streams  := coder | [coder, nbytes, coder, nbytes, ..., coder]     the last payload takes the rest of the body
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from ..errors import NameTableError, RecordError
from ..records import TensorRecord
from .layout import Limits
from .structure import unpack_prefix

STREAMS_PER_CHUNK = 2048  # two factors of 1,024 bands


@dataclass(frozen=True)
class Stream:
    """One entropy-coded payload and the registry number of its coder."""

    coder: int
    payload: bytes | memoryview


@dataclass(frozen=True)
class TensorChunk:
    """Records of one chunk with their payloads; names come from the name table.

    Attributes:
        names: one a record.
        records: in the order of the chunk.
        streams: payloads; a factor's record says which one holds it.
    """

    names: tuple[str, ...]
    records: tuple[TensorRecord, ...]
    streams: tuple[Stream, ...]

    @property
    def payload_nbytes(self) -> int:
        """Entropy-coded bytes of the chunk."""
        return sum(len(stream.payload) for stream in self.streams)


def pack_body(records: Sequence[TensorRecord], streams: Sequence[Stream]) -> bytes:
    """Body of a 'T' or 'G' chunk."""
    if len(streams) == 1:
        head: Any = streams[0].coder
    else:
        head = [value for s in streams for value in (s.coder, len(s.payload))][:-1]
    manifest = msgpack.packb([head, *(record.to_wire() for record in records)])
    return b"".join([manifest, *(stream.payload for stream in streams)])


def unpack_body(body: memoryview, limits: Limits, waiting: int) -> tuple[tuple[TensorRecord, ...], tuple[Stream, ...]]:
    """Parse the body of a 'T' or 'G' chunk.

    Args:
        body: manifest and payloads.
        limits: of the manifest and of the ranks.
        waiting: names that the chunk's records may take.

    Raises:
        RecordError: the manifest is not well formed or payload lengths exceed the body.
        NameTableError: more records than names.
        LimitError: ranks above the limit.
    """
    manifest, end = unpack_prefix(body, limits)
    if not isinstance(manifest, list) or len(manifest) < 2:
        raise RecordError("a manifest is [streams, record, ...]")
    if len(manifest) - 1 > waiting:
        raise NameTableError("the file holds more tensors than names")
    records = tuple(TensorRecord.from_wire(wire) for wire in manifest[1:])
    for record in records:
        limits.check("rank", len(record.shape), "rank")
    streams = _split_payloads(manifest[0], body[end:])
    if any(factor.stream + factor.bands > len(streams) for record in records for factor in record.factors):
        raise RecordError("a factor lies in a stream that the chunk does not have")
    return records, streams


def unpack_manifest(body: memoryview, limits: Limits) -> tuple[TensorRecord, ...]:
    """The records of a body, of which only the beginning need be there."""
    manifest, _ = unpack_prefix(body, limits)
    if not isinstance(manifest, list) or len(manifest) < 2:
        raise RecordError("a manifest is [streams, record, ...]")
    return tuple(TensorRecord.from_wire(wire) for wire in manifest[1:])


def _split_payloads(head: Any, rest: memoryview) -> tuple[Stream, ...]:
    values = head if isinstance(head, list) else [head]
    if len(values) % 2 == 0 or len(values) > 2 * STREAMS_PER_CHUNK:
        raise RecordError("streams is a coder or [coder, nbytes, ..., coder]")
    if any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in values):
        raise RecordError("coders and payload lengths are natural numbers")
    streams, offset = [], 0
    for coder, nbytes in zip(values[::2], [*values[1::2], None], strict=True):
        end = len(rest) if nbytes is None else offset + nbytes
        if end > len(rest):
            raise RecordError(f"a payload of {nbytes} bytes exceeds its chunk")
        streams.append(Stream(coder, rest[offset:end]))
        offset = end
    return tuple(streams)
