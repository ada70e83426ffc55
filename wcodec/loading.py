"""load_into(): a .wcz file -> the weights of a model in memory."""

from __future__ import annotations

from typing import Any

from .container import DEFAULT_LIMITS, Limits
from .decoding.decoder import decode
from .frontends import find_frontend


def load_into(model: Any, src: Any, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Assign the tensors of a file to a model; names and shapes must match exactly.

    Args:
        model: Keras model, torch module or mutable mapping of arrays.
        src: path, bytes or readable binary file object.
        limits: what the file may ask for.

    Raises:
        NameMismatchError: lists every tensor that the model and the file do not share; nothing was assigned.
        WczError: a damaged or hostile file; nothing was assigned.
    """
    frontend = find_frontend(model)
    frontend.load(model, decode(src, limits=limits))
