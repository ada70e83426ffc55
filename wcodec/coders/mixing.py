"""Mixing binary range coder (format_spec/coders.md, mixing).

Flags for zero, sign and size as in CABAC (Marpe, Schwarz, Wiegand, 2003), each with a probability mixed from several
adaptive ones in the logistic domain (Mahoney, PAQ, 2005), around a scale and a signed value predicted from the
neighbours. docs/notes/mixing_coder.md derives it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from .. import backend
from ..errors import PayloadError
from .costs import metered, metered_total
from .protocol import ArraySpec
from .symbols import accepts_integers, as_symbols, from_symbols, room_for


class View(NamedTuple):
    """An array as the coder sees it: rows of channels of kernels, row-major."""

    rows: int
    channels: int
    kernel_rows: int
    kernel_columns: int


class Mixing:
    """The small coder. All arrays of a payload share one adaptive state, so small ones gain from each other."""

    name: ClassVar[str] = "mixing"
    number: ClassVar[int] = 6

    def accepts(self, dtype: np.dtype) -> bool:
        """Integers and booleans."""
        return accepts_integers(dtype)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """One range-coded string without any header; empty for no arrays."""
        symbols = [as_symbols(array) for array in arrays]
        views = [view_of(array.shape) for array in arrays]
        return backend.kernel.mixing_encode(np.concatenate([np.empty(0, np.int32), *symbols]), views)

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back; PayloadError for a payload that `encode` would not have written for them."""
        count = sum(spec.size for spec in specs)
        if count > backend.kernel.mixing_most_symbols(len(payload)):
            raise PayloadError("payload ends before its last symbol")
        symbols = room_for(count, into)
        backend.kernel.mixing_decode(payload, [view_of(spec.shape) for spec in specs], symbols)
        ends = np.cumsum([spec.size for spec in specs])
        return [from_symbols(symbols[end - spec.size : end], spec) for spec, end in zip(specs, ends, strict=True)]

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits that `encode` would take, to about 2**-15 of a bit a decision, without the bytes of its end."""
        return metered_total(backend.kernel.mixing_cost, [view_of(array.shape) for array in arrays], arrays)

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Bits of each symbol; their sum is `cost`."""
        return metered(backend.kernel.mixing_cost, [view_of(array.shape) for array in arrays], arrays)


def view_of(shape: tuple[int, ...]) -> View:
    """(out, in, kernel...) with all but the last kernel axis as kernel rows; a vector is one row of channels."""
    if len(shape) <= 1:
        return View(1, math.prod(shape), 1, 1)
    return View(shape[0], shape[1], math.prod(shape[2:-1]), math.prod(shape[-1:] if len(shape) > 2 else ()))
