"""A file and its chunks (wcz.md, sections 2, 3, 6, 7 and 8)."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np

from .conventions import Bytes, read_manifest, read_whole
from .delta import model_digest, read_delta_head
from .errors import (
    CHECKSUM,
    CHUNK_ORDER,
    DELTA,
    DIGEST,
    INDEX,
    LIMIT,
    NAME_TABLE,
    NOT_WCZ,
    RECORD,
    TRUNCATED,
    UNKNOWN_CHUNK,
    VERSION,
    RefusedError,
    require,
)
from .names import read_names
from .records import Record, read_record, read_streams
from .tensors import read_tensors

MAGIC = b"\x89WCZ\r\n"

LIMITS = {
    "chunk_nbytes": 1 << 32,
    "manifest_nbytes": 1 << 22,
    "names_nbytes": 1 << 24,
    "chunks": 1 << 21,
    "tensors": 1 << 20,
    "rank": 16,
    "elements": 1 << 31,
    "total_nbytes": 1 << 37,
}


def decode(data: bytes, limits: dict = LIMITS, base: bytes | None = None) -> tuple[dict, dict, object]:
    """(tensors in model order: name -> array, metadata, graph or None) of a whole file; of a delta file on its base."""
    file = read_file(data, limits, None if base is None else read_file(base, limits, None))
    return {name: file.tensors[name] for name in file.names}, file.metadata, file.graph


def read_file(data: bytes, limits: dict, base: File | None) -> File:
    require(data[:6] == MAGIC[: len(data)], NOT_WCZ, "not a .wcz file")
    require(len(data) >= 8, TRUNCATED, "the preamble is not complete")
    require(data[6:8] == b"\0\1", VERSION, f"format version {data[6]}.{data[7]}")
    file = File(limits, base)
    source = Bytes(data, TRUNCATED)
    source.take(8)
    while True:
        start = source.position
        kind, body = read_chunk(source, limits)
        if kind == b"E":
            file.end(body, source.position - start, hashlib.sha256(data[:start]).digest())
            require(not source.left(), CHUNK_ORDER, "bytes follow the END chunk")
            return file
        file.take(kind, body, source.position - start)


def read_chunk(source: Bytes, limits: dict) -> tuple[bytes, bytes]:
    """Type and body of the next chunk; its CRC-32 is checked before the body is looked at."""
    start = source.position
    kind = source.take(1)
    length = source.leb128(9, RECORD)
    require(length <= limits["chunk_nbytes"], LIMIT, "chunk_nbytes")
    body = source.take(length)
    crc = zlib.crc32(source.data[start : source.position])
    require(source.take(4) == crc.to_bytes(4, "little"), CHECKSUM, "the CRC-32 of a chunk disagrees with its bytes")
    return kind, body


class File:
    """What was read so far."""

    def __init__(self, limits: dict, base: File | None) -> None:
        self.limits, self.base = limits, base
        self.delta: list | None = None
        self.records: dict[str, Record] = {}
        self.names: list[str] = []
        self.names_nbytes = 0
        self.queues: dict[bytes, list[str]] = {b"T": [], b"G": []}
        self.tensors: dict[str, np.ndarray] = {}
        self.metadata: dict[str, str] = {}
        self.graph: object = None
        self.index: list[int] = []
        self.total_nbytes = 0

    def take(self, kind: bytes, body: bytes, nbytes: int) -> None:
        """Interpret a chunk; one of an unknown ancillary type means nothing."""
        tensors = 0
        require(len(self.index) < 2 * self.limits["chunks"], LIMIT, "chunks")
        if kind == b"N":
            self.take_names(body)
        elif kind in self.queues:
            tensors = self.take_tensors(kind, body)
        elif kind == b"m":
            table = read_whole(body, self.limits)
            strings = type(table) is dict and all(type(x) is str for pair in table.items() for x in pair)
            require(strings, RECORD, "metadata maps strings to strings")
            require(not table.keys() & self.metadata.keys(), RECORD, "a key stands in two metadata chunks")
            self.metadata.update(table)
        elif kind == b"g":
            require(self.graph is None, CHUNK_ORDER, "a second graph")
            self.graph = read_whole(body, self.limits)
            require(type(self.graph) is dict, RECORD, "a graph is a map")
        elif kind == b"D":
            require(self.delta is None and not self.records, CHUNK_ORDER, "a delta head stands first, and once")
            self.delta = read_delta_head(body, self)
        else:
            require(kind.islower(), UNKNOWN_CHUNK, "a critical chunk of an unknown type")
        self.index += [nbytes, -tensors if kind == b"G" else tensors]

    def take_names(self, body: bytes) -> None:
        require(len(body) <= self.limits["names_nbytes"], LIMIT, "names_nbytes")
        known = set(self.names)
        for name, grouped in read_names(body):
            self.names_nbytes += len(name)
            require(self.names_nbytes <= self.limits["names_nbytes"], LIMIT, "names_nbytes")
            require(len(self.names) < self.limits["tensors"], LIMIT, "tensors")
            try:
                label = name.decode("utf-8")
            except UnicodeDecodeError:
                raise RefusedError(NAME_TABLE, "a name is not UTF-8") from None
            require(label not in known, NAME_TABLE, "a name stands twice")
            known.add(label)
            self.names.append(label)
            self.queues[b"G" if grouped else b"T"].append(label)

    def take_tensors(self, kind: bytes, body: bytes) -> int:
        manifest, rest = read_manifest(body, self.limits)
        require(type(manifest) is list and len(manifest) >= 2, RECORD, "a manifest is [streams, record, ...]")
        queue = self.queues[kind]
        require(len(manifest) - 1 <= len(queue), NAME_TABLE, "more tensors than names")
        records = [read_record(wire) for wire in manifest[1:]]
        require(kind == b"G" or len(records) == 1, RECORD, "a tensor chunk holds one record")
        streams = read_streams(manifest[0], rest)
        for name, record in zip(queue, records, strict=False):
            record.base = self.base_of(name)
            self.records[name] = record
        tensors = read_tensors(records, streams, self)
        self.tensors.update(zip(queue, tensors, strict=False))
        del queue[: len(records)]
        return len(records)

    def base_of(self, name: str) -> Record | None:
        """The record that the arrays of a tensor are differences from (delta.md, section 3)."""
        if self.delta is None or self.names.index(name) in self.delta[2]:
            return None
        require(name in self.base.records, DELTA, "the base has no tensor of this name")
        return self.base.records[name]

    def end(self, body: bytes, nbytes: int, digest: bytes) -> None:
        """Section 6."""
        index = wanted = None
        if body:
            require(int.from_bytes(body[-4:], "little") == nbytes, RECORD, "END does not end with its own length")
            table = read_whole(body[:-4], self.limits)
            require(type(table) is list and len(table) == 2, RECORD, "END is [index, digest]")
            index, wanted = table
        require(wanted is None or (type(wanted) is bytes and len(wanted) == 32), RECORD, "a digest is 32 bytes")
        if index is not None:
            pairs = type(index) is list and len(index) % 2 == 0 and all(type(v) is int for v in index)
            require(pairs, RECORD, "an index is pairs of integers")
        require(wanted in (None, digest), DIGEST, "the SHA-256 of the file disagrees with its digest")
        require(index in (None, self.index), INDEX, "the index disagrees with the chunks")
        require(not any(self.queues.values()), NAME_TABLE, "fewer tensors than names")
        if self.delta is not None:
            self.metadata = self.metadata or self.base.metadata
            self.graph = self.base.graph if self.graph is None else self.graph
            require(all(p < len(self.names) for p in self.delta[2]), DELTA, "a whole tensor behind the last name")
            require(model_digest(self)[:16] == self.delta[1], DELTA, "not the model that the delta names")
