"""Reading a file forward, one chunk resident; fit for pipes (format_spec/wcz.md, section 3).

Every chunk's CRC-32 is checked before a byte of it is parsed; the file's digest, where there is one, at the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import IO, Any

from ..errors import (
    BaseMissingError,
    ChunkOrderError,
    DigestError,
    IndexTableError,
    NameTableError,
    RecordError,
    UnknownChunkError,
    WczError,
)
from ..records import TensorRecord
from . import layout
from .delta_head import DeltaHead, unpack_delta_head
from .digest import sha256
from .frames import Chunk, parse_end, read_body, read_kind, read_length, read_preamble
from .layout import Limits
from .manifest import Stream, TensorChunk, unpack_body
from .names import NameEntry, decode_names
from .structure import unpack_whole


class Reader:
    """Iterates over the tensor chunks of a file in file order.

    Attributes:
        names: entries of the name tables read so far, in model order.
        metadata: of the metadata chunks read so far.
        graph: of the graph chunk, once it was read, else None.
        delta: the head of a delta file, once it was read, else None.
        has_digest: whether the file carried (and passed) a digest; known at the end.
    """

    def __init__(self, file: IO[bytes], limits: Limits = layout.DEFAULT_LIMITS, *, accept_delta: bool = False) -> None:
        """`accept_delta`: the caller has a base and looks at `delta`; without, a delta file is refused."""
        self._file, self._limits, self._accept_delta = file, limits, accept_delta
        self.delta: DeltaHead | None = None
        self._claimed = False
        self.names: list[NameEntry] = []
        self.metadata: dict[str, str] = {}
        self.graph: Any = None
        self.has_digest = False
        self._seen: set[str] = set()
        self._names_nbytes = 0
        self._waiting = {layout.TENSOR: deque[str](), layout.GROUP: deque[str]()}

    def __iter__(self) -> Iterator[TensorChunk]:
        digest = sha256(read_preamble(self._file))
        offset = len(layout.PREAMBLE)
        index: list[tuple[int, int]] = []
        while True:
            chunk = self._next(offset)
            if chunk.kind == layout.END:
                self._end(chunk, index, digest.digest())
                return
            for piece in chunk.raw:
                digest.update(piece)
            offset += chunk.nbytes
            self._limits.check("chunks", len(index) + 1, "chunks")
            if chunk.kind in self._waiting:
                tensors = self.tensor_chunk(chunk)
                index.append((chunk.nbytes, signed_count(chunk.kind, len(tensors.records))))
                yield tensors
            else:
                index.append((chunk.nbytes, 0))
                self.take(chunk)

    def _next(self, offset: int) -> Chunk:
        """The next chunk; an error within it names the tensor that it begins with."""
        kind = read_kind(self._file)
        try:
            return read_body(self._file, kind + read_length(self._file), offset, self._limits)
        except WczError as e:
            waiting = self._waiting.get(kind)
            raise e.about(waiting[0]) if waiting else e from e

    def take(self, chunk: Chunk) -> None:
        """Interpret a chunk that holds no tensors."""
        if chunk.kind == layout.NAMES:
            self._take_names(chunk.body)
        elif chunk.kind == layout.METADATA:
            self._take_metadata(chunk.body)
        elif chunk.kind == layout.GRAPH:
            self._take_graph(chunk.body)
        elif chunk.kind == layout.DELTA:
            self._take_delta(chunk.body)
        elif layout.is_critical(chunk.kind):
            raise UnknownChunkError(f"critical chunk of unknown type {chunk.kind!r}")

    def tensor_chunk(self, chunk: Chunk) -> TensorChunk:
        """Parse a tensor or group chunk and give its records the next names of its queue."""
        queue = self._waiting[chunk.kind]
        self._claimed = True
        records, streams = unpack_records(chunk, self._limits, len(queue))
        return TensorChunk(tuple(queue.popleft() for _ in records), records, streams)

    def claim(self, kind: bytes, tensors: int) -> list[str]:
        """The names of the next `tensors` tensors of a chunk that is not read now; NameTableError where they lack."""
        queue = self._waiting[kind]
        self._claimed = True
        if len(queue) < tensors:
            raise NameTableError("the file holds more tensors than names")
        return [queue.popleft() for _ in range(tensors)]

    def expect_all_claimed(self) -> None:
        """NameTableError where names are left without a tensor."""
        if any(self._waiting.values()):
            raise NameTableError("the file holds fewer tensors than names")

    def _take_names(self, body: memoryview) -> None:
        entries, nbytes = decode_names(body, self._limits, self._names_nbytes)
        self._names_nbytes = nbytes
        for entry in entries:
            if entry.name in self._seen:
                raise NameTableError(f"name {entry.name!r} stands twice in the name table")
            self._seen.add(entry.name)
            self._limits.check("tensors", len(self._seen), "tensors")
            self._waiting[layout.GROUP if entry.grouped else layout.TENSOR].append(entry.name)
            self.names.append(entry)

    def _take_metadata(self, body: memoryview) -> None:
        table = unpack_whole(body, self._limits)
        if not isinstance(table, dict) or any(type(x) is not str for pair in table.items() for x in pair):
            raise RecordError("metadata maps strings to strings")
        if not self.metadata.keys().isdisjoint(table):
            raise RecordError("a key stands in two metadata chunks")
        self.metadata.update(table)

    def _take_graph(self, body: memoryview) -> None:
        if self.graph is not None:
            raise ChunkOrderError("a file holds one graph")
        self.graph = unpack_whole(body, self._limits)
        if not isinstance(self.graph, dict):
            raise RecordError("a graph is a map")

    def _take_delta(self, body: memoryview) -> None:
        if self.delta is not None or self._claimed:
            raise ChunkOrderError("a delta head stands before all tensors, and once")
        self.delta = unpack_delta_head(body, self._limits)
        if not self._accept_delta:
            raise BaseMissingError(
                f"this is a delta file; decode it with its base, the model of digest {self.delta.base.hex()}"
            )

    def _end(self, chunk: Chunk, index: list[tuple[int, int]], digest: bytes) -> None:
        table = parse_end(chunk.body, chunk.nbytes, self._limits)
        if table.digest is not None:
            if table.digest != digest:
                raise DigestError("SHA-256 of the file disagrees with the digest at its end")
            self.has_digest = True
        if table.index is not None and table.index != index:
            raise IndexTableError("the index disagrees with the chunks of the file")
        self.expect_all_claimed()


def unpack_records(chunk: Chunk, limits: Limits, waiting: int) -> tuple[tuple[TensorRecord, ...], tuple[Stream, ...]]:
    """Parse a tensor or group chunk; see `unpack_body`."""
    records, streams = unpack_body(chunk.body, limits, waiting)
    if chunk.kind == layout.TENSOR and len(records) != 1:
        raise RecordError(f"a tensor chunk holds one record, this one {len(records)}")
    return records, streams


def signed_count(kind: bytes, tensors: int) -> int:
    """How an index counts the tensors of a chunk: negative for a group."""
    return -tensors if kind == layout.GROUP else tensors
