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
from .protocol import ArraySpec


class FloatPlanes:
    """For weights that must come back bit for bit: NaN payloads, signed zeros and subnormals included."""

    name: ClassVar[str] = "float_planes"
    number: ClassVar[int] = 3

    def accepts(self, dtype: np.dtype) -> bool:
        """Every fixed-width dtype of the format."""
        return not dtype.hasobject and dtype.itemsize in (1, 2, 4, 8)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """Neighbouring arrays of one dtype are coded as one; their planes follow each other, highest byte first."""
        parts = []
        for dtype, run in itertools.groupby(arrays, key=lambda array: array.dtype.newbyteorder("=")):
            words = np.concatenate([_to_words(array.astype(dtype, copy=False)) for array in run])
            parts += [backend.kernel.plane_encode(np.ascontiguousarray(plane)) for plane in _planes(words)]
        return b"".join(parts)

    def decode(self, payload: bytes | memoryview, specs: Sequence[ArraySpec]) -> list[np.ndarray]:
        """The arrays back; PayloadError unless the planes fill the payload exactly."""
        arrays: list[np.ndarray] = []
        rest = memoryview(payload)
        for dtype, run in itertools.groupby(specs, key=lambda spec: spec.dtype):
            specs_of_run = list(run)
            words = np.empty(sum(spec.size for spec in specs_of_run), _word_type(dtype))
            plane = np.empty(len(words), np.uint8)
            for place in _planes(words):
                rest = rest[backend.kernel.plane_decode(rest, plane) :]
                place[:] = plane
            ends = np.cumsum([spec.size for spec in specs_of_run])
            for spec, end in zip(specs_of_run, ends, strict=True):
                arrays.append(_from_words(words[end - spec.size : end], spec))
        if rest:
            raise PayloadError(f"{len(rest)} bytes follow the last array")
        return arrays


def _word_type(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"<u{dtype.itemsize}")


def _planes(words: np.ndarray) -> list[np.ndarray]:
    """Writable views (n,) of the bytes of words (n,), most significant first."""
    octets = words.view(np.uint8).reshape(len(words), words.dtype.itemsize)
    return [octets[:, i] for i in reversed(range(words.dtype.itemsize))]


def _to_words(array: np.ndarray) -> np.ndarray:
    """Bit patterns with the sign moved to the lowest bit, so that the highest byte holds exponent alone.

    Floats rotate left by one; signed integers of two bytes and more fold as 0, -1, 1, -2, ... to 0, 1, 2, 3, ...
    """
    words = np.ascontiguousarray(array).reshape(-1).view(_word_type(array.dtype)).astype(_word_type(array.dtype))
    top = 8 * array.dtype.itemsize - 1
    if array.dtype.kind in "bu" or array.dtype.itemsize == 1:
        return words
    if array.dtype.kind == "i":
        return words << 1 ^ -(words >> top)
    return words << 1 | words >> top


def _from_words(words: np.ndarray, spec: ArraySpec) -> np.ndarray:
    top = 8 * spec.dtype.itemsize - 1
    if spec.dtype.kind in "bu" or spec.dtype.itemsize == 1:
        patterns = words.copy()
    elif spec.dtype.kind == "i":
        patterns = words >> 1 ^ -(words & 1)
    else:
        patterns = words >> 1 | words << top
    if spec.dtype.kind == "b" and patterns.size and patterns.max() > 1:
        raise PayloadError("a boolean is neither 0 nor 1")
    return patterns.astype(f"=u{spec.dtype.itemsize}", copy=False).view(spec.dtype).reshape(spec.shape)
