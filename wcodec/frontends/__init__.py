"""Front ends: models and files of weights <-> named tensors. One file each; `registry.py` lists them."""

from .protocol import FrontEnd, NamedTensor
from .registry import FRONTENDS, find_frontend

__all__ = ["FRONTENDS", "FrontEnd", "NamedTensor", "find_frontend"]
