"""Little-endian bytes as they are (format_spec/coders.md, raw)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..errors import PayloadError
from .protocol import ArraySpec


class Raw:
    """No compression: what a payload costs when nothing else pays."""

    name: ClassVar[str] = "raw"
    number: ClassVar[int] = 0

    def accepts(self, dtype: np.dtype) -> bool:
        """Every fixed-width dtype of the format."""
        return not dtype.hasobject

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """Row-major little-endian elements, arrays in order, no padding."""
        return b"".join(a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes() for a in arrays)

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Copies of the payload's bytes as native arrays; PayloadError unless the sizes agree exactly."""
        nbytes = sum(spec.size * spec.dtype.itemsize for spec in specs)
        if nbytes != len(payload):
            raise PayloadError(f"raw payload holds {len(payload)} bytes, its arrays need {nbytes}")
        arrays, offset = [], 0
        for spec in specs:
            stored = np.frombuffer(payload, spec.dtype.newbyteorder("<"), spec.size, offset)
            arrays.append(stored.astype(spec.dtype).reshape(spec.shape))
            offset += spec.size * spec.dtype.itemsize
        return arrays

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits of the payload."""
        return 8.0 * sum(array.nbytes for array in arrays)

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Eight bits a byte."""
        return [np.full(array.shape, 8 * array.dtype.itemsize, np.float32) for array in arrays]
