"""Steps, and a model as integers (messages.md, sections 2 and 3)."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from reference_decoder.errors import require

from .errors import MESSAGE
from .schema import BUFFER, EXACT, WEIGHT, Tensor, schema_digest


class Model:
    """Tensors whose values are integers: multiples of 2^unit, or the values themselves."""

    def __init__(self, version: int, tensors: list[Tensor]) -> None:
        self.version, self.tensors, self.digest = version, tensors, schema_digest(tensors)

    def of_role(self, role: int) -> list[Tensor]:
        return [t for t in self.tensors if t.role == role and t.size]

    def base(self) -> bytes:
        sha = hashlib.sha256(self.digest)
        for role in (WEIGHT, BUFFER, EXACT):
            for t in self.of_role(role):
                sha.update(t.numbers().astype("<i8" if role == EXACT else "<f8").tobytes())
        return sha.digest()[:4]

    def weight_index(self, t: Tensor, index: int) -> int:
        largest = max(other.size for other in self.of_role(WEIGHT))
        return max(index - round(math.log2(largest / t.size)), lowest_index(t))

    def arrays(self) -> dict[str, np.ndarray]:
        """What programs get: name -> array."""
        return {t.name: t.numbers().reshape(t.shape).astype(t.dtype) for t in self.tensors}


def lowest_index(t: Tensor) -> int:
    return 4 * (t.unit + 44)


def in_units(t: Tensor, index: int, is_unit: bool) -> int:
    """step(index), or unit(index), in units of the tensor."""
    return (1 if is_unit else 4 + index % 4) << index // 4 - 44 - t.unit


def add(t: Tensor, symbols: list[int], index: int, is_unit: bool) -> None:
    """Symbols times steps onto a weight or buffer tensor."""
    require(is_unit or all(abs(q) < 1 << 21 for q in symbols), MESSAGE, "a symbol of 2^21 or more times a step")
    size = in_units(t, index, is_unit)
    t.values = [v + q * size for v, q in zip(t.values, symbols, strict=True)]
    require(all(abs(v) < 1 << 52 for v in t.values), MESSAGE, "a tensor grows beyond 2^(u + 52)")
