"""What the integer coders share: arrays of integers as int32 symbols, and back."""

from __future__ import annotations

import numpy as np

from ..errors import SymbolError
from .protocol import ArraySpec

MAX_SYMBOL = 2**31 - 1


def accepts_integers(dtype: np.dtype) -> bool:
    """Integers and booleans; whether the values fit int32 shows at `as_symbols`."""
    return dtype.kind in "iub"


def as_symbols(array: np.ndarray) -> np.ndarray:
    """The elements of an integer array of any shape as contiguous int32 (n,), row-major.

    Raises:
        SymbolError: a value outside -(2**31 - 1) .. 2**31 - 1, or an array that does not hold integers.
    """
    if not accepts_integers(array.dtype):
        raise SymbolError(f"an array of {array.dtype} holds no integer symbols")
    if array.size and (int(array.min()) < -MAX_SYMBOL or int(array.max()) > MAX_SYMBOL):
        raise SymbolError("a value outside -(2**31 - 1) .. 2**31 - 1 is not a symbol of an integer coder")
    return np.ascontiguousarray(array, dtype=np.int32).reshape(-1)


def room_for(count: int, into: np.ndarray | None) -> np.ndarray:
    """Where `count` int32 symbols are decoded to: `into` where the caller has the room, else an array of their own."""
    return np.empty(count, np.int32) if into is None else into


def from_symbols(symbols: np.ndarray, spec: ArraySpec) -> np.ndarray:
    """int32 symbols (n,) as the array that `spec` declares.

    Raises:
        SymbolError: a symbol outside the range of the declared dtype.
    """
    if spec.dtype.kind == "b":
        low, high = 0, 1
    else:
        low, high = int(np.iinfo(spec.dtype).min), int(np.iinfo(spec.dtype).max)
    if symbols.size and (int(symbols.min()) < low or int(symbols.max()) > high):
        raise SymbolError(f"a symbol does not fit the declared {spec.dtype}")
    return symbols.astype(spec.dtype, copy=False).reshape(spec.shape)
