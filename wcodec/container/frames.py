"""Preamble, chunks and their checksums, the END chunk, as they stand in a file (format_spec/wcz.md, 2, 3, 6)."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import IO, NamedTuple

from ..errors import ChecksumError, ChunkOrderError, NotWczError, RecordError, TruncatedError, VersionError
from . import layout
from .files import read_at_most, read_exactly
from .layout import Limits
from .structure import unpack_whole


class Chunk(NamedTuple):
    """One verified chunk.

    Attributes:
        kind: its type byte.
        body: its body.
        offset: of its first byte in the file.
        nbytes: of the whole chunk, frame included.
        raw: the bytes of the whole chunk, in two pieces. Valid until the chunk is decoded.
    """

    kind: bytes
    body: memoryview
    offset: int
    nbytes: int
    raw: tuple[bytes, memoryview]


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
    preamble = read_at_most(file, len(layout.PREAMBLE))
    if not preamble.startswith(layout.MAGIC[: len(preamble)]):
        damaged = preamble[1:4] == b"WCZ"
        raise NotWczError("the magic was damaged by a text-mode transfer" if damaged else "this is not a .wcz file")
    if len(preamble) < len(layout.PREAMBLE):
        raise TruncatedError("the source ends within the preamble")
    if preamble != layout.PREAMBLE:
        major, minor = preamble[-2:]
        raise VersionError(f"format version {major}.{minor}; this reader knows draft {layout.MAJOR}.{layout.MINOR}")
    return preamble


def read_chunk(file: IO[bytes], offset: int, limits: Limits) -> Chunk:
    """The next chunk, verified.

    Raises:
        TruncatedError, ChecksumError, LimitError, RecordError: as the bytes deserve.
    """
    return read_body(file, read_head(file), offset, limits)


def read_body(file: IO[bytes], head: bytes, offset: int, limits: Limits) -> Chunk:
    """The rest of the chunk whose type and length are `head`; see `read_chunk`."""
    nbytes = _rest_nbytes(head, limits)
    return _checked(head, read_exactly(file, nbytes, f"chunk {head[:1]!r}"), offset)


def chunk_in(data: memoryview, offset: int, limits: Limits) -> Chunk:
    """The chunk that `data`, read at `offset`, begins with; raises as `read_chunk` does."""
    head = read_head(io.BytesIO(data[: layout.MAX_HEAD_BYTES]))
    end = len(head) + _rest_nbytes(head, limits)
    if end > len(data):
        raise TruncatedError(f"the source ends {end - len(data)} bytes before the end of chunk {head[:1]!r}")
    return _checked(head, data[len(head) : end], offset)


def _rest_nbytes(head: bytes, limits: Limits) -> int:
    length = parse_length(head)
    limits.check("chunk_nbytes", length, f"chunk {head[:1]!r}")
    return length + layout.CRC_BYTES


def _checked(head: bytes, rest: memoryview, offset: int) -> Chunk:
    body = rest[: -layout.CRC_BYTES]
    if zlib.crc32(body, zlib.crc32(head)) != int.from_bytes(rest[-layout.CRC_BYTES :], "little"):
        raise ChecksumError(f"CRC-32 of chunk {head[:1]!r} at byte {offset} disagrees with its bytes")
    return Chunk(head[:1], body, offset, len(head) + len(rest), (head, rest))


def read_head(file: IO[bytes]) -> bytes:
    """Type byte and LEB128 length of the next chunk, as they are."""
    return read_kind(file) + read_length(file)


def read_kind(file: IO[bytes]) -> bytes:
    """Type byte of the next chunk."""
    return bytes(read_exactly(file, 1, "the file: a chunk is missing, at least END"))


def read_length(file: IO[bytes]) -> bytes:
    """LEB128 length of a chunk whose type was read, as it is."""
    length = bytes(read_exactly(file, 1, "a chunk's head"))
    while length[-1] >= 0x80:
        if len(length) == layout.MAX_LENGTH_BYTES:
            raise RecordError("a chunk's length does not end")
        length += read_exactly(file, 1, "a chunk's head")
    if len(length) > 1 and length[-1] == 0:
        raise RecordError("a chunk's length is not in its shortest form")
    return length


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
    if digest is not None and not (isinstance(digest, bytes) and len(digest) == layout.DIGEST_BYTES):
        raise RecordError("a digest is 32 bytes")
    if index is not None:
        if not isinstance(index, list) or len(index) % 2 or any(type(v) is not int for v in index):
            raise RecordError("an index is pairs of integers")
        index = list(zip(index[::2], index[1::2], strict=True))
    return EndTable(index, digest)


def expect_nothing_more(file: IO[bytes]) -> None:
    """ChunkOrderError where bytes follow the END chunk."""
    if file.read(1):
        raise ChunkOrderError("bytes after the END chunk")
