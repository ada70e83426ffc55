"""Coders: arrays <-> payload bytes, lossless. One file a coder; `registry.py` lists them."""

from .protocol import ArraySpec, Coder
from .registry import CODERS, find_coder

__all__ = ["CODERS", "ArraySpec", "Coder", "find_coder"]
