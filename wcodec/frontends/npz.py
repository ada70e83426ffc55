"""`.npz` archives of numpy."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import DuplicateNameError, UnsupportedTypeError
from .loading import refuse_file
from .normal import normal, scan_by_name
from .protocol import NamedTensor, WithoutGraph

_DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, zlib.error)  # numpy's words for an object array: ValueError


class Npz(WithoutGraph):
    """Arrays by name, read one at a time; never unpickles. numpy stores no bfloat16 or float8 in them."""

    name: ClassVar[str] = "npz"
    suffixes: ClassVar[tuple[str, ...]] = (".npz",)

    def accepts(self, model: Any) -> bool:
        return isinstance(model, str | os.PathLike) and Path(model).suffix in self.suffixes

    def tensors(self, model: str | os.PathLike[str]) -> Iterator[NamedTensor]:
        with Path(model).open("rb") as file:
            try:
                archive = np.load(file, allow_pickle=False)
            except _DAMAGED as e:
                raise UnsupportedTypeError(f"{os.fspath(model)!r} is not a readable .npz: {e}") from e
            if not isinstance(archive, Mapping):  # numpy reads a lone .npy too
                raise UnsupportedTypeError(f"{os.fspath(model)!r} is not a readable .npz: it holds one unnamed array")
            yield from _members(archive)

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        refuse_file(model)


def _members(archive: Any) -> Iterator[NamedTensor]:
    seen: set[str] = set()
    for name in archive.files:
        if name in seen:
            raise DuplicateNameError("the archive holds two arrays of this name", tensor=name)
        seen.add(name)
        try:
            array = archive[name]
        except _DAMAGED as e:
            raise UnsupportedTypeError(f"cannot be read: {e}", tensor=name) from e
        array = normal(name, array)
        yield NamedTensor(name, array, scan_by_name(name, array.ndim))
