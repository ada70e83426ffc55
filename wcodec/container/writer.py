"""Writing a file in one pass (format_spec/wcz.md, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import msgpack

from ..errors import DuplicateNameError, OptionError
from ..records import TensorRecord
from . import layout
from .delta_head import DeltaHead
from .digest import sha256
from .manifest import Stream, pack_body
from .names import NameEntry, encode_names


class Writer:
    """Appends chunks to a file; nothing is ever rewritten, so `file` may be a pipe.

    Names go first; then tensor and group chunks in the order of their queues (see `layout` and the specification);
    `finish` ends the file. Names, metadata and graph beyond the limits that every reader has are refused with a
    LimitError: a file that only its writer could read would be lost.

    Attributes:
        nbytes: written so far.
        payload_nbytes: entropy-coded bytes among them.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = sha256()
        self._index: list[tuple[int, int]] = []
        self._names: set[str] = set()
        self._names_nbytes = 0
        self.nbytes = 0
        self.payload_nbytes = 0
        self._write(layout.PREAMBLE)

    def add_names(self, entries: Iterable[NameEntry]) -> None:
        """Announce the tensors that follow, in model order.

        Raises:
            DuplicateNameError: a name that this file has already.
        """
        entries = list(entries)
        for name, _ in entries:
            if name in self._names:
                raise DuplicateNameError("two tensors have this name", tensor=name)
            self._names.add(name)
        body = encode_names(entries)
        self._names_nbytes += sum(len(name.encode()) for name, _ in entries)
        layout.DEFAULT_LIMITS.check("names_nbytes", max(len(body), self._names_nbytes), "bytes of names")
        layout.DEFAULT_LIMITS.check("tensors", len(self._names), "names")
        self._add(layout.NAMES, body, tensors=0)

    def add_delta(self, head: DeltaHead) -> None:
        """Make this a delta file; before any tensor."""
        self._add(layout.DELTA, head.pack(), tensors=0)

    def add_tensor(self, record: TensorRecord, streams: Sequence[Stream]) -> None:
        """The next tensor that is not grouped, in a chunk of its own."""
        self._add_records(layout.TENSOR, [record], streams, tensors=1)

    def add_group(self, records: Sequence[TensorRecord], streams: Sequence[Stream]) -> None:
        """The next grouped tensors, together."""
        self._add_records(layout.GROUP, records, streams, tensors=-len(records))

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        """Text for people and programs; keys in sorted order, so that equal input gives equal bytes."""
        if not isinstance(metadata, Mapping) or any(not isinstance(x, str) for pair in metadata.items() for x in pair):
            raise OptionError("metadata maps strings to strings")
        self._add(layout.METADATA, _pack(dict(sorted(metadata.items())), "metadata"), tensors=0)

    def add_graph(self, graph: Any) -> None:
        """The layer graph (format_spec/graph.md)."""
        self._add(layout.GRAPH, _pack(graph, "graph"), tensors=0)

    def finish(self, digest: bool | None = None) -> None:
        """Write the END chunk.

        Args:
            digest: True or False, or None to write one where the file has at least `DIGEST_FROM_BYTES`.
        """
        chunks = sum(1 for _, tensors in self._index if tensors)
        index = [v for pair in self._index for v in pair] if chunks >= layout.INDEX_FROM_CHUNKS else None
        wanted = self.nbytes >= layout.DIGEST_FROM_BYTES if digest is None else digest
        self._write(end_chunk(index, self._digest.digest() if wanted else None))

    def _add_records(
        self, kind: bytes, records: Sequence[TensorRecord], streams: Sequence[Stream], tensors: int
    ) -> None:
        self._add(kind, pack_body(records, streams), tensors)
        self.payload_nbytes += sum(len(stream.payload) for stream in streams)

    def _add(self, kind: bytes, body: bytes, tensors: int) -> None:
        chunk = layout.frame(kind, body)
        self._write(chunk)
        self._index.append((len(chunk), tensors))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.nbytes += len(data)


def _pack(value: Any, what: str) -> bytes:
    try:
        body = bytes(msgpack.packb(value))
    except (TypeError, ValueError, OverflowError) as e:
        raise OptionError(f"{what} cannot be written in msgpack: {e}") from e
    layout.DEFAULT_LIMITS.check("manifest_nbytes", len(body), f"bytes of {what}")
    return body


def end_chunk(index: list[int] | None, digest: bytes | None) -> bytes:
    """The last chunk: empty, or [index, digest] and the chunk's own length, by which a reader finds its start."""
    if index is None and digest is None:
        return layout.frame(layout.END, b"")
    table = msgpack.packb([index, digest])
    body_nbytes = len(table) + layout.SPAN_BYTES
    span = 1 + len(layout.leb128(body_nbytes)) + body_nbytes + layout.CRC_BYTES
    return layout.frame(layout.END, table + span.to_bytes(layout.SPAN_BYTES, "little"))
