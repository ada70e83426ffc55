"""Files from literal parts: what the library's writer would not write is as easy to build as what it would."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np

from wcodec.coders import CODERS
from wcodec.container.layout import PREAMBLE, frame
from wcodec.container.names import NameEntry, encode_names
from wcodec.container.writer import end_chunk
from wcodec.dtypes import DTYPES, dtype_of
from wcodec.scans import SCANS

QUANTIZED, INTEGERS, VERBATIM = 0, 1, 2
END = frame(b"E", b"")


def wcz(*chunks: bytes, end: bytes = END, preamble: bytes = PREAMBLE) -> bytes:
    """A whole file."""
    return preamble + b"".join(chunks) + end


def indexed(*chunks: bytes, counts: Sequence[int], digest: bool = False) -> bytes:
    """A whole file with an index: `counts` are the tensors of each chunk, negative for a group."""
    index = [v for pair in zip(map(len, chunks), counts, strict=True) for v in pair]
    return wcz(*chunks, end=end_chunk(index, sha256(*chunks) if digest else None))


def sha256(*chunks: bytes) -> bytes:
    """The digest of a file of these chunks."""
    return hashlib.sha256(PREAMBLE + b"".join(chunks)).digest()


def names(*singles: str, grouped: Sequence[str] = ()) -> bytes:
    """A NAMES chunk: tensors with chunks of their own first, then the grouped ones."""
    entries = [NameEntry(name, False) for name in singles] + [NameEntry(name, True) for name in grouped]
    return frame(b"N", encode_names(entries))


def delta_head(base: Any = bytes(16), result: Any = bytes(16), whole: Any = ()) -> bytes:
    """A DELTA chunk."""
    return frame(b"D", msgpack.packb([base, result, list(whole)]))


def head(dtype: str, form: int = QUANTIZED, scan: str = "as_is") -> int:
    """The first number of a record."""
    return DTYPES[dtype] + 16 * form + 64 * SCANS[scan][0]


def payload(coder: str, *arrays: Any) -> bytes:
    """What a coder makes of arrays; lists are int32 symbols or step-code differences."""
    return CODERS[coder].encode([np.array(a, np.int32) if isinstance(a, list | int) else a for a in arrays])


def number(coder: str) -> int:
    """The registry number of a coder."""
    return CODERS[coder].number


def body(manifest: Any, *payloads: bytes) -> bytes:
    """The body of a tensor or group chunk."""
    return msgpack.packb(manifest) + b"".join(payloads)


def tensor(record: Any, coder: str, *arrays: Any) -> bytes:
    """A TENSOR chunk with one stream."""
    return frame(b"T", body([number(coder), record], payload(coder, *arrays)))


def group(records: Sequence[Any], coder: str, *arrays: Any) -> bytes:
    """A GROUP chunk with one stream."""
    return frame(b"G", body([number(coder), *records], payload(coder, *arrays)))


def metadata(table: Any) -> bytes:
    """A METADATA chunk."""
    return frame(b"m", msgpack.packb(table))


def graph(layers: Any) -> bytes:
    """A GRAPH chunk."""
    return frame(b"g", msgpack.packb(layers))


def bits_of(name: str) -> np.ndarray:
    dtype = dtype_of(DTYPES[name])
    if dtype.kind == "b":
        return np.array([False, True, True])
    unsigned = np.dtype(f"u{dtype.itemsize}")
    top = 1 << (8 * dtype.itemsize - 1)
    bits = [0, 1, top, top - 1, 2 * top - 1, top + 1]
    if "float" in name and dtype.itemsize > 1:  # infinities, a quiet and a signalling NaN with payloads
        exponent = int(np.array(np.inf, dtype).view(unsigned))
        bits += [exponent, exponent + top, exponent + 5, top + exponent + 7]
    return np.array(bits, unsigned).view(dtype)


def differences(codes: list[int]) -> list[int]:
    return [int(d) for d in np.diff(codes, prepend=0)]
