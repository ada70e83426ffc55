"""Adaptive binary range coder whose probabilities depend on already coded neighbours (format_spec/coders.md, context).

The idea is that of CABAC (Marpe, Schwarz, Wiegand, 2003) and of its use for weights (Wiedemann et al., 2019):
flags for zero, sign and size, each with its own adaptive probability in each context. Here the contexts look at the
expected magnitude around the weight and at the signs of four neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from .. import backend
from .costs import metered, metered_total
from .protocol import ArraySpec
from .symbols import accepts_integers, as_symbols, from_symbols, room_for


class View(NamedTuple):
    """An array as the coder sees it: rows of channels of kernels, row-major."""

    rows: int
    channels: int
    kernel_rows: int
    kernel_columns: int
    context_set: int  # 0 for vectors, 1 for the rest


class Context:
    """The small coder. All arrays of a payload share one adaptive state, so small ones gain from each other."""

    name: ClassVar[str] = "context"
    number: ClassVar[int] = 2

    def accepts(self, dtype: np.dtype) -> bool:
        """Integers and booleans."""
        return accepts_integers(dtype)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """One range-coded string without any header; empty for no arrays."""
        symbols = [as_symbols(array) for array in arrays]
        views = [view_of(array.shape) for array in arrays]
        return backend.kernel.context_encode(np.concatenate([np.empty(0, np.int32), *symbols]), views)

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back; PayloadError for a payload that `encode` would not have written for them."""
        symbols = room_for(sum(spec.size for spec in specs), into)
        backend.kernel.context_decode(payload, [view_of(spec.shape) for spec in specs], symbols)
        ends = np.cumsum([spec.size for spec in specs])
        return [from_symbols(symbols[end - spec.size : end], spec) for spec, end in zip(specs, ends, strict=True)]

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits that `encode` would take, to about 2**-15 of a bit a decision, without the bytes of its end."""
        return metered_total(backend.kernel.context_cost, [view_of(array.shape) for array in arrays], arrays)

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Bits of each symbol; their sum is `cost`."""
        return metered(backend.kernel.context_cost, [view_of(array.shape) for array in arrays], arrays)


def view_of(shape: tuple[int, ...]) -> View:
    """(out, in, kernel...) with all but the last kernel axis as kernel rows; a vector is one row of channels."""
    if len(shape) <= 1:
        return View(1, math.prod(shape), 1, 1, 0)
    return View(shape[0], shape[1], math.prod(shape[2:-1]), math.prod(shape[-1:] if len(shape) > 2 else ()), 1)
