"""Finding one tensor in a seekable file without reading the others (format_spec/wcz.md, section 6)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from ..errors import ChunkOrderError, IndexTableError, TruncatedError
from . import layout
from .layout import Limits
from .manifest import TensorChunk
from .reader import Chunk, Reader, parse_end, parse_length, read_chunk, read_head, read_preamble, unpack_records


class Location(NamedTuple):
    """Where tensors are: offset and type of their chunk, and the names of all tensors in it."""

    offset: int
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
        self.nbytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        read_preamble(file)
        reader = Reader(file, limits)
        self._locations: dict[str, Location] = {}
        for kind, offset, tensors in self._survey(reader):
            location = Location(offset, kind, tuple(reader.claim(kind, tensors)))
            self._locations.update(dict.fromkeys(location.names, location))
        reader.expect_all_claimed()
        self.names = [entry.name for entry in reader.names]
        self.metadata, self.graph = reader.metadata, reader.graph

    def locate(self, name: str) -> Location:
        """Where the tensor called `name` is; KeyError where there is none."""
        return self._locations[name]

    def chunk_at(self, location: Location) -> TensorChunk:
        """Read, verify and parse the chunk at `location`."""
        chunk = self._chunk(location.offset)
        if chunk.kind != location.kind:
            raise IndexTableError(f"the chunk at byte {location.offset} is not of the type that the index says")
        records, streams = unpack_records(chunk, self._limits, self._limits.tensors)
        if len(records) != len(location.names):
            raise IndexTableError(f"the chunk at byte {location.offset} holds {len(records)} tensors")
        return TensorChunk(location.names, records, streams)

    def _survey(self, reader: Reader) -> Iterator[tuple[bytes, int, int]]:
        """(kind, offset, tensors) of every tensor chunk; chunks of other kinds go to the reader."""
        end, index = self._read_index()
        return self._hop(reader) if index is None else self._follow(index, end, reader)

    def _follow(self, index: list[tuple[int, int]], end: int, reader: Reader) -> Iterator[tuple[bytes, int, int]]:
        offset = len(layout.PREAMBLE)
        self._limits.check("chunks", len(index), "chunks")
        for nbytes, tensors in index:
            if not 0 < nbytes <= end - offset:
                raise IndexTableError("the index does not lead to the END chunk")
            if tensors:
                yield (layout.TENSOR if tensors > 0 else layout.GROUP), offset, abs(tensors)
            else:
                self._take(offset, nbytes, reader)
            offset += nbytes
        if offset != end:
            raise IndexTableError("the index does not lead to the END chunk")

    def _hop(self, reader: Reader) -> Iterator[tuple[bytes, int, int]]:
        """Without an index: from frame to frame; a tensor chunk is not read, a group is (it is small)."""
        offset, chunks = len(layout.PREAMBLE), 0
        while True:
            self._file.seek(offset)
            head = read_head(self._file)
            kind, length = head[:1], parse_length(head)
            if kind == layout.END:
                self._check_end(self._chunk(offset))
                return
            nbytes = len(head) + length + layout.CRC_BYTES
            if nbytes > self.nbytes - offset:
                raise TruncatedError(f"the source ends before the end of chunk {kind!r}")
            chunks += 1
            self._limits.check("chunks", chunks, "chunks")
            if kind == layout.TENSOR:
                yield kind, offset, 1
            elif kind == layout.GROUP:
                yield kind, offset, len(unpack_records(self._chunk(offset), self._limits, self._limits.tensors)[0])
            else:
                self._take(offset, nbytes, reader)
            offset += nbytes

    def _read_index(self) -> tuple[int, list[tuple[int, int]] | None]:
        """(offset of the END chunk, its index), found by the length at its end; no index in a file without one."""
        tail = self._read_tail()
        if tail.endswith(layout.frame(layout.END, b"")):
            return 0, None
        span = int.from_bytes(tail[: layout.SPAN_BYTES], "little")
        offset = self.nbytes - span
        if not len(layout.PREAMBLE) <= offset < self.nbytes - len(tail):
            return 0, None
        self._file.seek(offset)
        if self._file.read(1) != layout.END:
            return 0, None  # a file that hopping will find damaged
        chunk = self._chunk(offset)
        return offset, parse_end(chunk.body, chunk.nbytes, self._limits).index

    def _read_tail(self) -> bytes:
        nbytes = min(self.nbytes, layout.SPAN_BYTES + layout.CRC_BYTES)
        self._file.seek(self.nbytes - nbytes)
        return self._file.read(nbytes)

    def _check_end(self, chunk: Chunk) -> None:
        parse_end(chunk.body, chunk.nbytes, self._limits)
        if chunk.offset + chunk.nbytes != self.nbytes:
            raise ChunkOrderError("bytes after the END chunk")

    def _take(self, offset: int, nbytes: int, reader: Reader) -> None:
        chunk = self._chunk(offset)
        if chunk.kind in (layout.TENSOR, layout.GROUP, layout.END) or chunk.nbytes != nbytes:
            raise IndexTableError(f"the index says something else of the chunk at byte {offset}")
        reader.take(chunk)

    def _chunk(self, offset: int) -> Chunk:
        self._file.seek(offset)
        return read_chunk(self._file, offset, self._limits)


def seekable(file: Any) -> bool:
    """Whether `file` allows random access."""
    return bool(getattr(file, "seekable", lambda: False)())
