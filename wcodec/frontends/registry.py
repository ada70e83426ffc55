"""FRONTENDS: everything that `encode` takes. One file a front end, one line here; the first that accepts counts."""

from __future__ import annotations

import os
from typing import Any

from ..errors import UnsupportedTypeError
from .arrays import Arrays
from .keras import Keras
from .keras_file import KerasFile
from .npz import Npz
from .protocol import FrontEnd
from .safetensors import Safetensors
from .tfc import TfcFrontEnd
from .torch import Torch
from .torch_file import TorchFile

FRONTENDS: dict[str, FrontEnd] = {
    "keras": Keras(),
    "torch": Torch(),  # before arrays: a state_dict is a mapping too
    "tfc": TfcFrontEnd(),
    "arrays": Arrays(),
    "keras_file": KerasFile(),
    "safetensors": Safetensors(),
    "npz": Npz(),
    "torch_file": TorchFile(),
}


def find_frontend(model: Any) -> FrontEnd:
    """The front end of a model, mapping or path.

    Raises:
        UnsupportedTypeError: no front end takes it.
    """
    for frontend in FRONTENDS.values():
        if frontend.accepts(model):
            return frontend
    if isinstance(model, str | os.PathLike):
        known = ", ".join(suffix for f in FRONTENDS.values() for suffix in f.suffixes)
        raise UnsupportedTypeError(
            f"cannot read weights from {os.fspath(model)!r}: the suffix is none of {known}. "
            "Load it with what wrote it, then encode the model, or a mapping of names to arrays"
        )
    raise UnsupportedTypeError(
        f"cannot encode a {type(model).__name__}: "
        "give a Keras or torch model, a state_dict, a mapping of arrays or a path"
    )
