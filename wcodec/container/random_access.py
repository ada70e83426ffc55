"""Finding one tensor in a seekable file without reading the others (format_spec/wcz.md, section 6)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from ..errors import ChunkOrderError, IndexTableError, NameTableError, TruncatedError
from . import layout
from .layout import Limits
from .manifest import TensorChunk, unpack_body
from .reader import Chunk, Reader, parse_end, parse_length, read_chunk, read_head, read_preamble


class Location(NamedTuple):
    """Where a tensor is: the offset of its chunk and how many tensors that chunk holds."""

    offset: int
    tensors: int


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
        self._queues: dict[bytes, list[Location]] = {layout.TENSOR: [], layout.GROUP: []}
        for kind, offset, count in self._survey(reader):
            self._queues[kind] += [Location(offset, count)] * count
        self.names = [entry.name for entry in reader.names]
        self.metadata, self.graph = reader.metadata, reader.graph
        self._locations = dict(zip(self.names, self._assign(reader), strict=True))

    def locate(self, name: str) -> Location:
        """Where the tensor called `name` is; KeyError where there is none."""
        return self._locations[name]

    def chunk_at(self, location: Location) -> TensorChunk:
        """Read, verify and parse the chunk at `location`."""
        chunk = self._chunk(location.offset)
        records, streams = unpack_body(chunk.body, self._limits)
        if len(records) != location.tensors:
            raise IndexTableError(f"the chunk at byte {location.offset} holds {len(records)} tensors")
        names = (name for name in self.names if self._locations[name].offset == location.offset)
        return TensorChunk(tuple(names), records, streams)

    def _assign(self, reader: Reader) -> Iterator[Location]:
        queues = {kind: iter(locations) for kind, locations in self._queues.items()}
        for entry in reader.names:
            location = next(queues[layout.GROUP if entry.grouped else layout.TENSOR], None)
            if location is None:
                raise NameTableError("the file holds fewer tensors than names")
            yield location
        if any(next(queue, None) for queue in queues.values()):
            raise NameTableError("the file holds more tensors than names")

    def _survey(self, reader: Reader) -> Iterator[tuple[bytes, int, int]]:
        """(kind, offset, tensors) of every tensor chunk; chunks of other kinds go to the reader."""
        index = self._read_index()
        return self._hop(reader) if index is None else self._follow(index, reader)

    def _follow(self, index: list[tuple[int, int]], reader: Reader) -> Iterator[tuple[bytes, int, int]]:
        offset = len(layout.PREAMBLE)
        for nbytes, tensors in index:
            if nbytes <= 0 or abs(tensors) > self._limits.tensors:
                raise IndexTableError("an index holds chunk sizes and tensor counts")
            if tensors:
                yield (layout.TENSOR if tensors > 0 else layout.GROUP), offset, abs(tensors)
            else:
                self._take(offset, reader)
            offset += nbytes
        if self._chunk(offset).kind != layout.END:
            raise IndexTableError("the index does not lead to the END chunk")

    def _hop(self, reader: Reader) -> Iterator[tuple[bytes, int, int]]:
        """Without an index: from frame to frame; a tensor chunk is not read, a group is (it is small)."""
        offset = len(layout.PREAMBLE)
        while True:
            self._file.seek(offset)
            head = read_head(self._file)
            kind, length = head[:1], parse_length(head)
            if kind == layout.END:
                self._check_end(self._chunk(offset))
                return
            if kind == layout.TENSOR:
                yield kind, offset, 1
            elif kind == layout.GROUP:
                yield kind, offset, len(unpack_body(self._chunk(offset).body, self._limits)[0])
            else:
                self._take(offset, reader)
            offset += len(head) + length + layout.CRC_BYTES
            if offset > self.nbytes:
                raise TruncatedError(f"the source ends {offset - self.nbytes} bytes before the end of chunk {kind!r}")

    def _read_index(self) -> list[tuple[int, int]] | None:
        """The index of the END chunk, found by the length at its end; None in a file without one."""
        tail_nbytes = layout.SPAN_BYTES + layout.CRC_BYTES
        if self.nbytes < len(layout.PREAMBLE) + tail_nbytes:
            return None
        self._file.seek(self.nbytes - tail_nbytes)
        span = int.from_bytes(self._file.read(layout.SPAN_BYTES), "little")
        offset = self.nbytes - span
        if not len(layout.PREAMBLE) <= offset < self.nbytes - tail_nbytes:
            return None
        self._file.seek(offset)
        if self._file.read(1) != layout.END:
            return None  # an empty END chunk, or a file that hopping will find damaged
        chunk = self._chunk(offset)
        return parse_end(chunk.body, chunk.nbytes, self._limits).index

    def _check_end(self, chunk: Chunk) -> None:
        parse_end(chunk.body, chunk.nbytes, self._limits)
        if chunk.offset + chunk.nbytes != self.nbytes:
            raise ChunkOrderError("bytes after the END chunk")

    def _take(self, offset: int, reader: Reader) -> None:
        chunk = self._chunk(offset)
        if chunk.kind in self._queues:
            raise IndexTableError("the index calls a tensor chunk a chunk without tensors")
        reader.take(chunk)

    def _chunk(self, offset: int) -> Chunk:
        self._file.seek(offset)
        return read_chunk(self._file, offset, self._limits)[0]


def seekable(file: Any) -> bool:
    """Whether `file` allows random access."""
    return bool(getattr(file, "seekable", lambda: False)())
