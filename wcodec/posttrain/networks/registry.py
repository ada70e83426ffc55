"""Which framework opens a model."""

from __future__ import annotations

import sys
from typing import Any

from ...errors import UnsupportedTypeError
from .protocol import Network


def can_run(model: Any) -> bool:
    """Whether `open_network` takes `model`: it is no mere collection of weights."""
    from ...frontends.keras_file import KerasFile

    keras, torch = sys.modules.get("keras"), sys.modules.get("torch")
    runs = (getattr(keras, "Model", None), getattr(getattr(torch, "nn", None), "Module", None))
    return KerasFile().accepts(model) or isinstance(model, tuple(filter(None, runs)))


def open_network(model: Any) -> Network:
    """A model of Keras or torch, or a path that Keras reads a model from, ready to run.

    Raises:
        UnsupportedTypeError: weights alone, or a model that is not built.
    """
    from ...frontends.keras_file import KerasFile, read_model

    if KerasFile().accepts(model):
        model = read_model(model)
    keras, torch = sys.modules.get("keras"), sys.modules.get("torch")
    if keras is not None and isinstance(model, getattr(keras, "Model", ())):
        from .keras import KerasNetwork

        return KerasNetwork(model)
    if torch is not None and isinstance(model, torch.nn.Module):
        from .torch import TorchNetwork

        return TorchNetwork(model)
    raise UnsupportedTypeError(
        f"a {type(model).__name__} holds weights but cannot be run: calibration needs a Keras or torch model"
    )
