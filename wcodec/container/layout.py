"""Constants, limits and frames of the container (format_spec/wcz.md, sections 2 and 3).

File   := magic major minor Chunk* End
Chunk  := type length body crc32
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from ..errors import LimitError

# 0x89: not ASCII, shows a 7-bit transfer; CR LF: shows newline conversion either way.
MAGIC = b"\x89WCZ\r\n"
MAJOR = 0  # 0 says draft: readers refuse every other draft
MINOR = 1
PREAMBLE = MAGIC + bytes([MAJOR, MINOR])

NAMES, TENSOR, GROUP, DELTA, END = b"N", b"T", b"G", b"D", b"E"  # upper case: critical
METADATA, GRAPH = b"m", b"g"  # lower case: ancillary

CRC_BYTES = 4
SPAN_BYTES = 4  # the END chunk's own length, at the end of a non-empty body
DIGEST_BYTES = 32  # of SHA-256
MAX_LENGTH_BYTES = 9  # LEB128 of a chunk length: below 2**63
MAX_HEAD_BYTES = 1 + MAX_LENGTH_BYTES

# Index and digest are written where they pay.
INDEX_FROM_CHUNKS = 8
DIGEST_FROM_BYTES = 2 << 20


@dataclass(frozen=True)
class Limits:
    """What a file may ask of its reader; checked before anything is allocated.

    Attributes:
        chunk_nbytes: largest body of a chunk.
        manifest_nbytes: largest manifest of a chunk; also of metadata, graph and END bodies.
        names_nbytes: largest name table, and sum of the decoded names of a file.
        chunks: chunks in a file.
        tensors: tensors in a file.
        rank: dimensions of a tensor.
        elements: elements of a chunk: of its tensors, or of their factors and steps where these are more. A
            dimension of 0 counts as 1, so that an empty tensor cannot hide a huge extent.
        total_nbytes: decoded bytes of a whole file.
    """

    chunk_nbytes: int = 1 << 32
    manifest_nbytes: int = 1 << 22
    names_nbytes: int = 1 << 24
    chunks: int = 1 << 21
    tensors: int = 1 << 20
    rank: int = 16
    elements: int = 1 << 31
    total_nbytes: int = 1 << 37

    def check(self, field: str, value: int, what: str) -> None:
        """Raise LimitError where `value` is above the limit named `field`."""
        limit = getattr(self, field)
        if value > limit:
            raise LimitError(f"{what}: {value} is over the limit {field}={limit}")


DEFAULT_LIMITS = Limits()


def leb128(value: int) -> bytes:
    """Unsigned LEB128, shortest form."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def frame(kind: bytes, body: bytes) -> bytes:
    """A whole chunk: type, length, body, CRC-32 of all three."""
    head = kind + leb128(len(body))
    return head + body + zlib.crc32(body, zlib.crc32(head)).to_bytes(CRC_BYTES, "little")


def is_critical(kind: bytes) -> bool:
    """Lower-case chunk types may be skipped, all others must be understood."""
    return not kind.islower()
