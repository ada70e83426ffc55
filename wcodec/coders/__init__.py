"""Coders: arrays <-> payload bytes, lossless. One file a coder; `registry.py` lists them."""

from .protocol import ArraySpec, Coder, ScalingCoder
from .registry import CODERS, find_coder

__all__ = ["CODERS", "ArraySpec", "Coder", "ScalingCoder", "find_coder"]
