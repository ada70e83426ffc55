"""Lossless coding of floats and wide integers by planes of bytes (format_spec/coders.md, float_planes).

The exponents of weights carry few bits, their mantissas nearly all of theirs: so the bytes of equal significance go
together, and each block of them is entropy-coded where that is smaller.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from .. import backend
from ..errors import PayloadError
from .costs import spread
from .protocol import ArraySpec


class FloatPlanes:
    """For weights that must come back bit for bit: NaN payloads, signed zeros and subnormals included."""

    name: ClassVar[str] = "float_planes"
    number: ClassVar[int] = 3

    def accepts(self, dtype: np.dtype) -> bool:
        """Every fixed-width dtype of the format."""
        return not dtype.hasobject and dtype.itemsize in (1, 2, 4, 8)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """Neighbouring arrays of one dtype are coded as one."""
        parts = []
        for dtype, run in itertools.groupby(arrays, key=lambda array: array.dtype.newbyteorder("=")):
            elements = [_octets(array.astype(dtype, copy=False)) for array in run]
            joined = elements[0] if len(elements) == 1 else np.concatenate(elements)
            parts.append(backend.kernel.plane_encode(joined, dtype.itemsize, _fold(dtype)))
        return b"".join(parts)

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back, neighbours of one dtype as views of one buffer.

        Raises:
            PayloadError: the blocks do not fill the payload exactly, or a boolean is neither 0 nor 1.
        """
        arrays: list[np.ndarray] = []
        rest = memoryview(payload)
        for dtype, run in itertools.groupby(specs, key=lambda spec: spec.dtype):
            specs_of_run = list(run)
            ends = np.cumsum([spec.size for spec in specs_of_run])
            words = np.empty(ends[-1], np.dtype(f"u{dtype.itemsize}"))
            rest = rest[backend.kernel.plane_decode(rest, dtype.itemsize, _fold(dtype), words.view(np.uint8)) :]
            if dtype.kind == "b" and words.max(initial=0) > 1:
                raise PayloadError("a boolean is neither 0 nor 1")
            for spec, end in zip(specs_of_run, ends, strict=True):
                arrays.append(words[end - spec.size : end].view(dtype).reshape(spec.shape))
        if rest:
            raise PayloadError(f"{len(rest)} bytes follow the last array")
        return arrays

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits of the payload."""
        return 8.0 * len(self.encode(arrays))

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each array's share of its bits, the same for all of its elements: a plane does not tell them apart."""
        return [spread(8 * len(self.encode([array])), array) for array in arrays]


NO_FOLD, ROTATE, ZIGZAG = 0, 1, 2


def _fold(dtype: np.dtype) -> int:
    """Where the sign goes: to the lowest bit, so that a float's highest byte holds exponent alone."""
    if dtype.kind in "bu" or dtype.itemsize == 1:
        return NO_FOLD
    return ZIGZAG if dtype.kind == "i" else ROTATE


def _octets(array: np.ndarray) -> np.ndarray:
    """The bytes (array.nbytes,) of an array of any shape."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
