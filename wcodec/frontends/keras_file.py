"""Keras models in files: `.keras`, and whole models in `.h5` (those of Keras 2 that Keras 3 can read included)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ..errors import UnsupportedTypeError
from .keras import Keras
from .protocol import NamedTensor, OfFiles


class KerasFile(OfFiles):
    """A model read by Keras, not compiled, in safe mode. A file with custom layers: load it, then encode the model."""

    name: ClassVar[str] = "keras_file"
    suffixes: ClassVar[tuple[str, ...]] = (".keras", ".h5", ".hdf5")

    def loaded(self, model: str | os.PathLike[str]) -> Any:
        return read_model(Path(model))

    def tensors(self, model: str | os.PathLike[str]) -> Iterator[NamedTensor]:
        yield from Keras().tensors(read_model(Path(model)))

    def graph(self, model: str | os.PathLike[str]) -> dict[int, Any]:
        return Keras().graph(read_model(Path(model)))


def read_model(source: str | os.PathLike[str]) -> Any:
    """The Keras model of a file, not compiled, in safe mode.

    Raises:
        UnsupportedTypeError: Keras cannot read a whole model from it.
        FileNotFoundError: there is no such file.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    import keras

    from .. import train  # noqa: F401  a compressible model is registered by its module

    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RuntimeError, NotImplementedError) as e:
        raise UnsupportedTypeError(f"Keras cannot read a whole model from {str(path)!r}: {e}") from e
