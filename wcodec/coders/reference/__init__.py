"""The kernel in plain Python: every function of the native module, byte for byte, written to be read."""

from .context import context_decode, context_encode
from .planes import plane_decode, plane_encode
from .run_length import run_length_decode, run_length_encode

__all__ = [
    "context_decode",
    "context_encode",
    "plane_decode",
    "plane_encode",
    "run_length_decode",
    "run_length_encode",
]
