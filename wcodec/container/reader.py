"""Reading a file forward, one chunk resident; fit for pipes (format_spec/wcz.md, section 3).

Every chunk's CRC-32 is checked before a byte of it is parsed; the file's digest, where there is one, at the end.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from ..errors import (
    ChecksumError,
    ChunkOrderError,
    DigestError,
    NameTableError,
    NotWczError,
    RecordError,
    UnknownChunkError,
    VersionError,
)
from . import layout
from .files import read_exactly
from .layout import Limits
from .manifest import TensorChunk, unpack_body, unpack_prefix
from .names import NameEntry, decode_names


class Chunk(NamedTuple):
    """One verified chunk.

    Attributes:
        kind: its type byte.
        body: its body.
        offset: of its first byte in the file.
        nbytes: of the whole chunk, frame included.
    """

    kind: bytes
    body: memoryview
    offset: int
    nbytes: int


class Reader:
    """Iterates over the tensor chunks of a file in file order.

    Attributes:
        names: entries of the name tables read so far, in model order.
        metadata: of the metadata chunks read so far.
        graph: of the graph chunk, once it was read, else None.
        has_digest: whether the file carried (and passed) a digest; known at the end.
    """

    def __init__(self, file: IO[bytes], limits: Limits = layout.DEFAULT_LIMITS) -> None:
        self._file, self._limits = file, limits
        self.names: list[NameEntry] = []
        self.metadata: dict[str, str] = {}
        self.graph: Any = None
        self.has_digest = False
        self._seen: set[str] = set()
        self._waiting = {layout.TENSOR: deque[str](), layout.GROUP: deque[str]()}

    def __iter__(self) -> Iterator[TensorChunk]:
        digest = hashlib.sha256(read_preamble(self._file))
        offset = len(layout.PREAMBLE)
        while True:
            chunk, raw = read_chunk(self._file, offset, self._limits)
            if chunk.kind == layout.END:
                self._end(chunk, digest.digest())
                return
            digest.update(raw)
            offset += chunk.nbytes
            if chunk.kind in self._waiting:
                yield self.tensor_chunk(chunk)
            else:
                self.take(chunk)

    def take(self, chunk: Chunk) -> None:
        """Interpret a chunk that holds no tensors."""
        if chunk.kind == layout.NAMES:
            self._take_names(chunk.body)
        elif chunk.kind == layout.METADATA:
            self.metadata.update(_parse_metadata(chunk.body, self._limits))
        elif chunk.kind == layout.GRAPH:
            self.graph = unpack_whole(chunk.body, self._limits)
        elif layout.is_critical(chunk.kind):
            raise UnknownChunkError(f"critical chunk of unknown type {chunk.kind!r}")

    def tensor_chunk(self, chunk: Chunk) -> TensorChunk:
        """Parse a tensor or group chunk and give its records the next names of its queue."""
        records, streams = unpack_body(chunk.body, self._limits)
        if chunk.kind == layout.TENSOR and len(records) != 1:
            raise RecordError(f"a tensor chunk holds one record, this one {len(records)}")
        queue = self._waiting[chunk.kind]
        if len(queue) < len(records):
            raise NameTableError("the file holds more tensors than names")
        return TensorChunk(tuple(queue.popleft() for _ in records), records, streams)

    def _take_names(self, body: memoryview) -> None:
        for entry in decode_names(body, self._limits):
            if entry.name in self._seen:
                raise NameTableError(f"name {entry.name!r} stands twice in the name table")
            self._seen.add(entry.name)
            self._limits.check("tensors", len(self._seen), "tensors")
            self._waiting[layout.GROUP if entry.grouped else layout.TENSOR].append(entry.name)
            self.names.append(entry)

    def _end(self, chunk: Chunk, digest: bytes) -> None:
        table = parse_end(chunk.body, chunk.nbytes, self._limits)
        if table.digest is not None:
            if table.digest != digest:
                raise DigestError("SHA-256 of the file disagrees with the digest at its end")
            self.has_digest = True
        if any(self._waiting.values()):
            raise NameTableError("the file holds fewer tensors than names")


@dataclass(frozen=True)
class EndTable:
    """What a non-empty END chunk holds.

    Attributes:
        index: (nbytes, tensors) of every chunk before END, tensors negative for a group; None where left out.
        digest: SHA-256 of the file before END, or None.
    """

    index: list[tuple[int, int]] | None
    digest: bytes | None


def read_preamble(file: IO[bytes]) -> bytes:
    """Magic and version, checked.

    Raises:
        NotWczError: not the magic, or one that a text-mode transfer damaged.
        VersionError: another format version than this reader's.
    """
    preamble = read_exactly(file, len(layout.PREAMBLE), "the preamble")
    if preamble[: len(layout.MAGIC)] != layout.MAGIC:
        damaged = preamble[1:4] == b"WCZ"
        raise NotWczError("the magic was damaged by a text-mode transfer" if damaged else "this is not a .wcz file")
    if preamble != layout.PREAMBLE:
        major, minor = preamble[-2:]
        raise VersionError(f"format version {major}.{minor}; this reader knows draft {layout.MAJOR}.{layout.MINOR}")
    return preamble


def read_chunk(file: IO[bytes], offset: int, limits: Limits) -> tuple[Chunk, bytes]:
    """The next chunk, verified, and its raw bytes.

    Raises:
        TruncatedError, ChecksumError, LimitError, RecordError: as the bytes deserve.
    """
    head = read_head(file)
    length = parse_length(head)
    limits.check("chunk_nbytes", length, f"chunk {head[:1]!r}")
    rest = read_exactly(file, length + layout.CRC_BYTES, f"chunk {head[:1]!r}")
    body = memoryview(rest)[:length]
    if zlib.crc32(body, zlib.crc32(head)) != int.from_bytes(rest[length:], "little"):
        raise ChecksumError(f"CRC-32 of chunk {head[:1]!r} at byte {offset} disagrees with its bytes")
    return Chunk(head[:1], body, offset, len(head) + len(rest)), head + rest


def read_head(file: IO[bytes]) -> bytes:
    """Type byte and LEB128 length of the next chunk, as they are."""
    head = read_exactly(file, 2, "a chunk's head")
    while head[-1] >= 0x80:
        if len(head) > layout.MAX_LENGTH_BYTES:
            raise RecordError("a chunk's length does not end")
        head += read_exactly(file, 1, "a chunk's head")
    if len(head) > 2 and head[-1] == 0:
        raise RecordError("a chunk's length is not in its shortest form")
    return head


def parse_length(head: bytes) -> int:
    """The length that `read_head` read."""
    return sum((byte & 0x7F) << (7 * i) for i, byte in enumerate(head[1:]))


def parse_end(body: memoryview, nbytes: int, limits: Limits) -> EndTable:
    """Interpret an END chunk's body.

    Raises:
        RecordError: not empty and not [index, digest] followed by the chunk's length.
    """
    if not len(body):
        return EndTable(None, None)
    if int.from_bytes(body[-layout.SPAN_BYTES :], "little") != nbytes:
        raise RecordError("the END chunk does not end with its own length")
    table = unpack_whole(body[: -layout.SPAN_BYTES], limits)
    if not isinstance(table, list) or len(table) != 2:
        raise RecordError("the END chunk is [index, digest]")
    index, digest = table
    if digest is not None and not (isinstance(digest, bytes) and len(digest) == hashlib.sha256().digest_size):
        raise RecordError("a digest is 32 bytes")
    if index is not None:
        if not isinstance(index, list) or len(index) % 2 or any(type(v) is not int for v in index):
            raise RecordError("an index is pairs of integers")
        index = list(zip(index[::2], index[1::2], strict=True))
    return EndTable(index, digest)


def unpack_whole(body: memoryview, limits: Limits) -> Any:
    """The one msgpack object that `body` is; RecordError where something follows it."""
    limits.check("manifest_nbytes", len(body), "bytes of a msgpack body")
    value, end = unpack_prefix(body, limits)
    if end != len(body):
        raise RecordError("bytes after a msgpack object")
    return value


def expect_nothing_more(file: IO[bytes]) -> None:
    """ChunkOrderError where bytes follow the END chunk."""
    if file.read(1):
        raise ChunkOrderError("bytes after the END chunk")


def _parse_metadata(body: memoryview, limits: Limits) -> dict[str, str]:
    table = unpack_whole(body, limits)
    if not isinstance(table, dict) or any(type(x) is not str for pair in table.items() for x in pair):
        raise RecordError("metadata maps strings to strings")
    return table
