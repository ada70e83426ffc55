"""`.safetensors` files, read tensor by tensor.

The layout (huggingface/safetensors, README): a little-endian u64, so many bytes of JSON, then the tensors without a
gap. Read here and not with the safetensors package, whose numpy side has no float8, so that every dtype has one path.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple

import ml_dtypes
import numpy as np

from ..errors import DuplicateNameError, UnsupportedTypeError
from .normal import scan_by_name
from .protocol import NamedTensor, OfFiles, StoredTensor, WithoutGraph

MAX_HEADER_NBYTES = 100_000_000  # safetensors' own limit

# Extended floats have no byte order of their own in numpy: they come as unsigned integers and are viewed.
STORED: dict[str, tuple[str, Any]] = {
    "F64": ("<f8", np.float64),
    "F32": ("<f4", np.float32),
    "F16": ("<f2", np.float16),
    "BF16": ("<u2", ml_dtypes.bfloat16),
    "F8_E4M3": ("u1", ml_dtypes.float8_e4m3fn),
    "F8_E5M2": ("u1", ml_dtypes.float8_e5m2),
    "I64": ("<i8", np.int64),
    "I32": ("<i4", np.int32),
    "I16": ("<i2", np.int16),
    "I8": ("i1", np.int8),
    "U64": ("<u8", np.uint64),
    "U32": ("<u4", np.uint32),
    "U16": ("<u2", np.uint16),
    "U8": ("u1", np.uint8),
    "BOOL": ("u1", np.bool_),
}


class _Entry(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int  # in bytes, from the end of the header
    end: int


class Safetensors(OfFiles, WithoutGraph):
    """Tensors in the order of the file; holds one at a time."""

    name: ClassVar[str] = "safetensors"
    suffixes: ClassVar[tuple[str, ...]] = (".safetensors",)

    def tensors(self, model: str | os.PathLike[str]) -> Iterator[NamedTensor]:
        path = Path(model)
        with path.open("rb") as file:
            entries, data_start = _entries(file)
        for entry in entries:
            read = partial(_read, path, data_start + entry.begin, entry)
            yield StoredTensor(entry.name, entry.shape, read, scan_by_name(entry.name, len(entry.shape)))


def _read(path: Path, offset: int, entry: _Entry) -> np.ndarray:
    stored, dtype = STORED[entry.dtype]
    array: np.ndarray = np.fromfile(path, stored, (entry.end - entry.begin) // np.dtype(stored).itemsize, offset=offset)
    if array.size != math.prod(entry.shape):
        raise UnsupportedTypeError("the file became shorter", tensor=entry.name)
    native: np.ndarray = array.astype(array.dtype.newbyteorder("="), copy=False).view(dtype).reshape(entry.shape)
    return native


def _entries(file: IO[bytes]) -> tuple[list[_Entry], int]:
    """The header, and where the data begin.

    Checked: known dtypes, sizes that follow from the shapes, no gap and no byte left over.
    """
    nbytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    if nbytes < 8 or size > min(MAX_HEADER_NBYTES, nbytes - 8):
        raise UnsupportedTypeError("not a .safetensors file: the header is longer than the file or than 100 MB")
    try:
        header = json.loads(file.read(size).decode("utf-8"), object_pairs_hook=_unique)
        header.pop("__metadata__", None)
        entries = [_entry(name, fields) for name, fields in header.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise UnsupportedTypeError(f"not a .safetensors file: the header is malformed ({e})") from e
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    offset = 0
    for entry in entries:
        if entry.begin != offset:
            raise UnsupportedTypeError(f"the data begin at {entry.begin}, not at {offset}", tensor=entry.name)
        offset = entry.end
    if 8 + size + offset != nbytes:
        raise UnsupportedTypeError(f"the tensors take {offset} bytes, the file holds {nbytes - 8 - size}")
    return entries, 8 + size


def _entry(name: str, fields: Mapping[str, Any]) -> _Entry:
    dtype, shape, (begin, end) = fields["dtype"], tuple(fields["shape"]), fields["data_offsets"]
    if dtype not in STORED:
        raise UnsupportedTypeError(f"dtype {dtype} is not one of {', '.join(STORED)}", tensor=name)
    if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise UnsupportedTypeError("shape and offsets are whole numbers", tensor=name)
    if end - begin != math.prod(shape) * np.dtype(STORED[dtype][0]).itemsize:
        raise UnsupportedTypeError(f"shape {shape} of {dtype} does not take {end - begin} bytes", tensor=name)
    return _Entry(name, dtype, shape, begin, end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise DuplicateNameError("the header holds this name twice", tensor=repeated)
    return table
