"""WRITERS: file types that `wcz decode` writes, each a function (tensors, binary file)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from typing import IO

import numpy as np

from ..errors import UnsupportedTypeError
from ..frontends.safetensors import STORED

Tensors = Iterable[tuple[str, np.ndarray]]

# numpy dtype name -> dtype of the safetensors header, and how numpy reads and writes its little-endian bytes
_SAFETENSORS = {np.dtype(dtype).name: (key, np.dtype(stored)) for key, (stored, dtype) in STORED.items()}


def write_npz(tensors: Tensors, file: IO[bytes]) -> None:
    """An uncompressed .npz, written as tensors come: one in memory.

    Raises:
        UnsupportedTypeError: bfloat16 or 8-bit floats, which .npy headers cannot name.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in tensors:
            if array.dtype.isbuiltin != 1:  # a type that ml_dtypes added to numpy
                raise UnsupportedTypeError(f".npz cannot hold {array.dtype}; write .safetensors", tensor=name)
            member = zipfile.ZipInfo(f"{name}.npy")  # with the date of the zip epoch: equal input, equal bytes
            with archive.open(member, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def write_safetensors(tensors: Tensors, file: IO[bytes]) -> None:
    """A .safetensors file: 8 bytes of header length, JSON header, tensors in order. Holds all of them in memory."""
    arrays = dict(tensors)
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
