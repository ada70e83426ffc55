"""What both ends know of a model (messages.md, section 1), and its tensors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from reference_decoder.elements import DTYPES

WEIGHT, BUFFER, EXACT = range(3)


def leb128(value: int) -> bytes:
    low = [value >> 7 * i & 127 for i in range(max(1, -(-value.bit_length() // 7)))]
    return bytes([b | 128 for b in low[:-1]] + low[-1:])


class Tensor:
    """One tensor of a schema."""

    def __init__(self, name: str, dtype: np.dtype, shape: tuple[int, ...], role: int) -> None:
        self.name, self.dtype, self.shape, self.role = name, dtype, shape, role
        self.size = math.prod(shape)
        self.unit = 0  # exponent, of weights and buffers
        self.values: list[int] = []

    def matrix(self) -> tuple[int, int]:
        """Rows and columns (section 7)."""
        rank = len(self.shape)
        splits = [(math.prod(self.shape[:i]), math.prod(self.shape[i:])) for i in range(1, rank)]
        return min(splits, key=max) if splits else (1, self.size)  # min keeps the first of equals

    def numbers(self) -> np.ndarray:
        values = np.array(self.values, np.int64)
        return values if self.role == EXACT else np.ldexp(values.astype(np.float64), self.unit)


def schema_digest(tensors: list[Tensor]) -> bytes:
    sha = hashlib.sha256()
    for t in tensors:
        sha.update(leb128(len(t.name.encode())) + t.name.encode())
        for value in (DTYPES.index(t.dtype), len(t.shape), *t.shape, t.role):
            sha.update(leb128(value))
    return sha.digest()


def split(tensors: list[Tensor], values: list[int]) -> Iterator[tuple[Tensor, list[int]]]:
    """The values of each tensor."""
    at = 0
    for t in tensors:
        yield t, values[at : at + t.size]
        at += t.size
