"""The kernel in plain Python: every function of the native module, byte for byte, written to be read."""

from .run_length import run_length_decode, run_length_encode

__all__ = ["run_length_decode", "run_length_encode"]
