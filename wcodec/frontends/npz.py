"""`.npz` archives of numpy."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import DuplicateNameError, UnsupportedTypeError
from .normal import normal, scan_by_name
from .protocol import NamedTensor, OfFiles, StoredTensor, WithoutGraph

_DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, zlib.error)  # numpy's words for an object array: ValueError


class Npz(OfFiles, WithoutGraph):
    """Arrays by name, read one at a time; never unpickles. numpy stores no bfloat16 or float8 in them."""

    name: ClassVar[str] = "npz"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)

    def tensors(self, model: str | os.PathLike[str]) -> Iterator[NamedTensor]:
        path = Path(model)
        with _opened(path) as archive:
            for name, array in _members(path, archive):
                yield StoredTensor(name, array.shape, partial(_read, path, name), scan_by_name(name, array.ndim))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
        except _DAMAGED as e:
            why = "it is no zip archive" if "pickle" in str(e) else e  # numpy takes all else for a pickle
            raise UnsupportedTypeError(f"{os.fspath(path)!r} is not a readable .npz: {why}") from e
        if not isinstance(archive, Mapping):  # numpy reads a lone .npy too
            raise UnsupportedTypeError(f"{os.fspath(path)!r} is not a readable .npz: it holds one unnamed array")
        yield archive


def _read(path: Path, name: str) -> np.ndarray:
    with _opened(path) as archive:
        return _member(path, archive, name)


def _members(path: Path, archive: Any) -> Iterator[tuple[str, np.ndarray]]:
    seen: set[str] = set()
    for name in archive.files:
        if name in seen:
            raise DuplicateNameError("the archive holds two arrays of this name", tensor=name)
        seen.add(name)
        yield name, _member(path, archive, name)


def _member(path: Path, archive: Any, name: str) -> np.ndarray:
    try:
        array = archive[name]
    except _DAMAGED as e:
        why = e if "pickle" not in str(e) else "it holds objects, and unpickling them could run any code"
        raise UnsupportedTypeError(f"cannot be read from {os.fspath(path)!r}: {why}", tensor=name) from e
    return normal(name, array)
