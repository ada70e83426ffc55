"""State dicts in files of `torch.save`: `.pt`, `.pth`."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..errors import UnsupportedTypeError
from .protocol import NamedTensor, OfFiles, WithoutGraph
from .torch import Torch


class TorchFile(OfFiles, WithoutGraph):
    """A state dict, or the one state dict of a checkpoint; mapped into memory, and read without running any code of it.

    A file that holds a whole module is refused, since unpickling one runs code: load it, then encode the module.
    """

    name: ClassVar[str] = "torch_file"
    suffixes: ClassVar[tuple[str, ...]] = (".pt", ".pth")

    def loaded(self, model: str | os.PathLike[str]) -> Any:
        return read_state(Path(model))

    def tensors(self, model: str | os.PathLike[str]) -> Iterator[NamedTensor]:
        yield from Torch().tensors(read_state(Path(model)))


def read_state(path: Path) -> Mapping[str, Any]:
    """Name -> tensor of a file, on the CPU.

    Raises:
        UnsupportedTypeError: torch cannot read it, it holds more than tensors, or no state dict or several of them.
        OSError: there is no such file.
    """
    with path.open("rb") as file:
        is_archive = zipfile.is_zipfile(file)  # what torch before 1.6 wrote is none, and cannot be mapped
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TorchScript, which it then refuses
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except pickle.UnpicklingError as e:
        raise UnsupportedTypeError(
            f"{os.fspath(path)!r} holds more than tensors, or is damaged, and unpickling it could run any code: "
            "load it in Python if you trust it, then encode its state_dict()"
        ) from e
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as e:
        raise UnsupportedTypeError(f"torch cannot read weights from {os.fspath(path)!r}: {e}") from e
    return _only_state(found, path)


def _only_state(found: Any, path: Path) -> Mapping[str, Any]:
    candidates = [found, *found.values()] if isinstance(found, Mapping) else []
    states = [c for c in candidates if isinstance(c, Mapping) and Torch().accepts(c)]
    if len(states) != 1:
        raise UnsupportedTypeError(f"{os.fspath(path)!r} holds {len(states)} mappings of names to tensors, not one")
    return states[0]
