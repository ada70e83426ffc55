"""Arrays in files: `read_npz`, and WRITERS, what `wcz decode` writes, each a function (tensors, binary file)."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import IO

import numpy as np

from ..errors import UnsupportedTypeError
from ..frontends.safetensors import STORED

LONGEST_NAME = 65_535 - len(".npy")  # bytes of a name in a zip archive
RESERVED_NAME = "__metadata__"

Tensors = Iterable[tuple[str, np.ndarray]]

# numpy dtype name -> dtype of the safetensors header, and how numpy reads and writes its little-endian bytes
_SAFETENSORS = {np.dtype(dtype).name: (key, np.dtype(stored)) for key, (stored, dtype) in STORED.items()}


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz, in its order; never unpickles.

    Raises:
        UnsupportedTypeError: no .npz, a damaged one, or one of Python objects.
    """
    if not zipfile.is_zipfile(path):  # numpy would take it for a pickle
        raise UnsupportedTypeError(f"{path!r} is not an .npz archive")
    name = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {}
            for name in archive.files:
                arrays[name] = np.asarray(archive[name])
            return arrays
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as e:
        raise UnsupportedTypeError(f"array {name!r} of {path!r} cannot be read: {e}") from e


def write_npz(tensors: Tensors, file: IO[bytes]) -> None:
    """An uncompressed .npz, written as tensors come: one in memory.

    Raises:
        UnsupportedTypeError: bfloat16 or 8-bit floats, which .npy headers cannot name; a name that a zip cannot hold.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in tensors:
            if array.dtype.isbuiltin != 1:  # a type that ml_dtypes added to numpy
                raise UnsupportedTypeError(f".npz cannot hold {array.dtype}; write .safetensors", tensor=name)
            if "\0" in name or len(name.encode()) > LONGEST_NAME:
                raise UnsupportedTypeError(
                    f".npz cannot hold a name with a NUL or of more than {LONGEST_NAME} bytes; write .safetensors",
                    tensor=name,
                )
            member = zipfile.ZipInfo(f"{name}.npy")  # with the date of the zip epoch: equal input, equal bytes
            with archive.open(member, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def write_safetensors(tensors: Tensors, file: IO[bytes]) -> None:
    """A .safetensors file: 8 bytes of header length, JSON header, tensors in order. Holds all of them in memory.

    Raises:
        UnsupportedTypeError: a tensor with the one name that the format keeps for itself.
    """
    arrays = dict(tensors)
    if RESERVED_NAME in arrays:
        raise UnsupportedTypeError(".safetensors keeps this name for itself; write .npz", tensor=RESERVED_NAME)
    header, offset = {}, 0
    for name, array in arrays.items():
        end = offset + array.nbytes
        header[name] = {
            "dtype": _SAFETENSORS[array.dtype.name][0],
            "shape": list(array.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensor data starts aligned to 8 bytes
    file.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        stored = _SAFETENSORS[array.dtype.name][1]
        native = array.reshape(-1).view(stored.newbyteorder("="))
        file.write(native.astype(stored, copy=False).tobytes())


WRITERS: dict[str, Callable[[Tensors, IO[bytes]], None]] = {"npz": write_npz, "safetensors": write_safetensors}
