"""Finding one tensor in a seekable file without reading the others (format_spec/wcz.md, section 6).

A file may lie far away, and every read be a request: so whatever is known to lie together is read at once, and
nothing beside it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, NamedTuple

from ..errors import ChunkOrderError, IndexTableError, RecordError, TruncatedError, naming
from ..records import TensorRecord
from . import layout
from .files import LARGE_PIECE, read_exactly
from .frames import Chunk, chunk_in, parse_end, parse_length, read_head, read_preamble
from .layout import Limits
from .manifest import TensorChunk, unpack_manifest
from .reader import Reader, unpack_records

FIRST_GUESS = 1024  # bytes in which nearly every manifest ends


class Location(NamedTuple):
    """Where tensors are: offset, size and type of their chunk, and the names of all tensors in it."""

    offset: int
    nbytes: int
    kind: bytes
    names: tuple[str, ...]


class RandomAccess:
    """Chunks of a seekable file by tensor name.

    Attributes:
        names: all names, in model order.
        metadata: str -> str.
        graph: the layer graph, or None.
        nbytes: of the file.
    """

    def __init__(self, file: IO[bytes], limits: Limits = layout.DEFAULT_LIMITS) -> None:
        self._file, self._limits = file, limits
        file.seek(0, io.SEEK_END)  # a map gives no position here
        self.nbytes = file.tell()
        end, index = self._read_index()
        reader = Reader(file, limits)
        self._locations: dict[str, Location] = {}
        for kind, offset, nbytes, tensors in self._hop(reader) if index is None else self._follow(index, end, reader):
            location = Location(offset, nbytes, kind, tuple(reader.claim(kind, tensors)))
            self._locations.update(dict.fromkeys(location.names, location))
        reader.expect_all_claimed()
        self.names = [entry.name for entry in reader.names]
        self.metadata, self.graph = reader.metadata, reader.graph

    def locate(self, name: str) -> Location:
        """Where the tensor called `name` is; KeyError where there is none."""
        return self._locations[name]

    def chunk_at(self, location: Location) -> TensorChunk:
        """Read, verify and parse the chunk at `location`; an error names the first of its tensors."""
        with naming(location.names[0]):
            chunk = self._chunk(location.offset, location.nbytes)
        if chunk.kind != location.kind:
            raise IndexTableError(f"the chunk at byte {location.offset} is not of the type that the index says")
        records, streams = unpack_records(chunk, self._limits, self._limits.tensors)
        if len(records) != len(location.names):
            raise IndexTableError(f"the chunk at byte {location.offset} holds {len(records)} tensors")
        return TensorChunk(location.names, records, streams)

    def records_at(self, location: Location) -> tuple[TensorRecord, ...]:
        """The records of a chunk without its payloads, which are not read; so the CRC is not checked."""
        nbytes = FIRST_GUESS
        while True:
            data = self._read(location.offset, min(nbytes, location.nbytes))
            head = read_head(io.BytesIO(data[: layout.MAX_HEAD_BYTES]))
            try:
                return unpack_manifest(data[len(head) :], self._limits)
            except RecordError:
                if nbytes >= location.nbytes:
                    raise
                nbytes *= 16

    def _follow(self, index: list[tuple[int, int]], end: int, reader: Reader) -> Iterator[tuple[bytes, int, int, int]]:
        """(kind, offset, bytes, tensors) of every tensor chunk; a run of chunks of other kinds is read at once."""
        offset = start = 0
        self._limits.check("chunks", len(index), "chunks")
        waiting: list[int] = []  # sizes of the chunks from `start` to `offset`, which are not read yet
        for nbytes, tensors in [(len(layout.PREAMBLE), 0), *index]:
            if not 0 < nbytes <= end - offset:
                raise IndexTableError("the index does not lead to the END chunk")
            if tensors:
                self._take_run(start, waiting, reader)
                waiting = []
                start = offset + nbytes
                yield (layout.TENSOR if tensors > 0 else layout.GROUP), offset, nbytes, abs(tensors)
            else:
                waiting.append(nbytes)
            offset += nbytes
        if offset != end:
            raise IndexTableError("the index does not lead to the END chunk")
        self._take_run(start, waiting, reader)

    def _take_run(self, start: int, sizes: list[int], reader: Reader) -> None:
        """Read the chunks that follow `start` with one read; the preamble counts as a chunk."""
        if not sizes:
            return
        run, offset = self._read(start, sum(sizes)), start
        for nbytes in sizes:
            if offset == 0:
                read_preamble(io.BytesIO(run[:nbytes]))
            else:
                self._take(chunk_in(run[offset - start :], offset, self._limits), nbytes, reader)
            offset += nbytes

    def _take(self, chunk: Chunk, nbytes: int, reader: Reader) -> None:
        if chunk.kind in (layout.TENSOR, layout.GROUP, layout.END) or chunk.nbytes != nbytes:
            raise IndexTableError(f"the index says something else of the chunk at byte {chunk.offset}")
        reader.take(chunk)

    def _hop(self, reader: Reader) -> Iterator[tuple[bytes, int, int, int]]:
        """Without an index: from frame to frame; a tensor chunk is not read, a group is (it is small)."""
        self._file.seek(0)
        read_preamble(self._file)
        offset, chunks = len(layout.PREAMBLE), 0
        while True:
            head = read_head(io.BytesIO(self._read(offset, min(layout.MAX_HEAD_BYTES, self.nbytes - offset))))
            kind, nbytes = head[:1], len(head) + parse_length(head) + layout.CRC_BYTES
            if kind == layout.END:
                self._check_end(self._chunk(offset, nbytes))
                return
            if nbytes > self.nbytes - offset:
                raise TruncatedError(f"the source ends before the end of chunk {kind!r}")
            chunks += 1
            self._limits.check("chunks", chunks, "chunks")
            if kind == layout.TENSOR:
                yield kind, offset, nbytes, 1
            else:
                chunk = self._chunk(offset, nbytes)
                if kind == layout.GROUP:
                    yield kind, offset, nbytes, len(unpack_records(chunk, self._limits, self._limits.tensors)[0])
                else:
                    reader.take(chunk)
            offset += nbytes

    def _read_index(self) -> tuple[int, list[tuple[int, int]] | None]:
        """(offset of the END chunk, its index), found by the length at its end; no index in a file without one."""
        tail = self._read_tail()
        if tail.endswith(layout.frame(layout.END, b"")):
            return 0, None
        span = int.from_bytes(tail[: layout.SPAN_BYTES], "little")
        offset = self.nbytes - span
        if not len(layout.PREAMBLE) <= offset < self.nbytes - len(tail) or span > self._limits.manifest_nbytes:
            return 0, None
        end = self._read(offset, span)
        if end[:1] != layout.END:
            return 0, None  # a file that hopping will find damaged
        chunk = chunk_in(end, offset, self._limits)
        return offset, parse_end(chunk.body, chunk.nbytes, self._limits).index

    def _read_tail(self) -> bytes:
        nbytes = min(self.nbytes, layout.SPAN_BYTES + layout.CRC_BYTES)
        self._file.seek(self.nbytes - nbytes)
        return self._file.read(nbytes)

    def _check_end(self, chunk: Chunk) -> None:
        parse_end(chunk.body, chunk.nbytes, self._limits)
        if chunk.offset + chunk.nbytes != self.nbytes:
            raise ChunkOrderError("bytes after the END chunk")

    def _chunk(self, offset: int, nbytes: int) -> Chunk:
        """The chunk of `nbytes` bytes at `offset`."""
        self._limits.check("chunk_nbytes", nbytes - layout.MAX_HEAD_BYTES, f"the chunk at byte {offset}")
        return chunk_in(self._read(offset, nbytes), offset, self._limits)

    def _read(self, offset: int, nbytes: int) -> memoryview:
        """A part of the file, with one read."""
        self._file.seek(offset)
        return read_exactly(self._file, nbytes, "a part that its frames or its index announce", LARGE_PIECE)
