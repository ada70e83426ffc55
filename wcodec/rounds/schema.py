"""What both ends of a federation know of a model: names, dtypes, shapes and roles (format_spec/messages.md, schema).

A message names the schema by digest, so it carries none of this.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np

from ..container.layout import leb128
from ..dtypes import DTYPES, dtype_of, is_float, number_of
from ..errors import MessageError, NonFiniteError

# Statistics of normalization layers, by the names that Keras and torch give them.
BUFFERS = ("*moving_mean", "*moving_variance", "*running_mean", "*running_var")


class Role(IntEnum):
    """How a tensor travels."""

    WEIGHT = 0  # trained: steps relative to the update of all weights
    BUFFER = 1  # averaged statistics: 8-bit differences, a step a tensor
    EXACT = 2  # integers and booleans: differences


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a schema."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    role: Role

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Schema:
    """The tensors of a model, in model order.

    Arrays of a model are handled as three vectors, one a role: float64 for weights and buffers, int64 for the rest.
    """

    tensors: tuple[TensorSpec, ...]

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], buffers: Sequence[str] = BUFFERS) -> Schema:
        """The schema of named arrays; `buffers` are name patterns (fnmatch) of averaged statistics."""
        return cls(tuple(TensorSpec(n, a.dtype, a.shape, _role(n, a.dtype, buffers)) for n, a in arrays.items()))

    def to_text(self) -> str:
        """All of it as JSON."""
        return json.dumps([[t.name, t.dtype.name, list(t.shape), int(t.role)] for t in self.tensors])

    @classmethod
    def from_text(cls, text: str) -> Schema:
        """The inverse of `to_text`; ValueError for other text."""
        rows = json.loads(text)
        return cls(tuple(TensorSpec(n, dtype_of(DTYPES[d]), tuple(shape), Role(role)) for n, d, shape, role in rows))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over names, dtypes, shapes and roles, 32 bytes."""
        sha = hashlib.sha256()
        for t in self.tensors:
            name = t.name.encode()
            numbers = [number_of(t.dtype), len(t.shape), *t.shape, t.role]
            sha.update(leb128(len(name)) + name + b"".join(map(leb128, numbers)))
        return sha.digest()

    def of_role(self, role: Role) -> list[TensorSpec]:
        """The tensors of a role that have elements, in model order."""
        return [t for t in self.tensors if t.role is role and t.size]

    def size(self, role: Role) -> int:
        """Elements of a role."""
        return sum(t.size for t in self.of_role(role))

    def spans(self, role: Role) -> list[slice]:
        """Where each tensor of a role lies in the vector of that role."""
        ends = np.cumsum([0, *(t.size for t in self.of_role(role))]).tolist()
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    @cached_property
    def layout(self) -> list[tuple[int, int, int]]:
        """(rows, columns, kind) of each weight tensor as the temporal coder walks it."""
        return [(*rows_and_columns(t.shape), min(max(len(t.shape) - 1, 0), 2)) for t in self.of_role(Role.WEIGHT)]

    @cached_property
    def step_offsets(self) -> list[int]:
        """-round(log2(largest / size)) of each weight tensor: its step index less that of the message."""
        sizes = [t.size for t in self.of_role(Role.WEIGHT)]
        return [-rounded_log2(max(sizes), size) for size in sizes]

    def split(self, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The vectors of weights, buffers (float64) and exact values (int64) of a model.

        Arrays of another dtype are taken as numbers: an average of integers is rounded.

        Raises:
            MessageError: other names or shapes than the schema's.
            NonFiniteError: NaN or infinity, naming the tensor.
        """
        if list(arrays) != [t.name for t in self.tensors] or any(arrays[t.name].shape != t.shape for t in self.tensors):
            raise MessageError("names or shapes of a model are not those of the federation")
        for t in self.tensors:
            if t.role is not Role.EXACT and not np.isfinite(np.asarray(arrays[t.name], np.float64)).all():
                raise NonFiniteError("NaN or infinity in a model of a federation", tensor=t.name)
        weights, buffers = (self._joined(arrays, role) for role in (Role.WEIGHT, Role.BUFFER))
        exact = [np.rint(a) if is_float(a.dtype) else a for a in (arrays[t.name] for t in self.of_role(Role.EXACT))]
        return weights, buffers, np.concatenate([np.empty(0, np.int64), *(a.astype(np.int64).ravel() for a in exact)])

    def join(self, vectors: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """The named arrays of three vectors, in the dtypes of the schema."""
        arrays: dict[str, np.ndarray] = {}
        for role, vector in zip(Role, vectors, strict=True):
            for t, span in zip(self.of_role(role), self.spans(role), strict=True):
                with np.errstate(over="ignore"):
                    arrays[t.name] = vector[span].reshape(t.shape).astype(t.dtype)
        empty = {t.name: np.empty(t.shape, t.dtype) for t in self.tensors if not t.size}
        return {t.name: arrays.get(t.name, empty.get(t.name, np.empty(0))) for t in self.tensors}

    def _joined(self, arrays: Mapping[str, np.ndarray], role: Role) -> np.ndarray:
        parts: Iterable[np.ndarray] = (np.asarray(arrays[t.name], np.float64).ravel() for t in self.of_role(role))
        return np.concatenate([np.empty(0), *parts])


def rows_and_columns(shape: tuple[int, ...]) -> tuple[int, int]:
    """The split of the axes into rows and columns that is closest to a square; the first of two equal ones."""
    if len(shape) < 2:
        return 1, math.prod(shape)
    splits = [(math.prod(shape[:i]), math.prod(shape[i:])) for i in range(1, len(shape))]
    return min(splits, key=max)


def rounded_log2(large: int, small: int) -> int:
    """round(log2(large / small)) of natural numbers, exactly; halves, which are irrational powers, do not occur."""
    power = 0
    while large * large >= small * small << 2 * power + 1:  # large / small >= 2 ** (power + 1/2)
        power += 1
    return power


def _role(name: str, dtype: np.dtype, buffers: Sequence[str]) -> Role:
    if not is_float(dtype):
        return Role.EXACT
    return Role.BUFFER if any(fnmatchcase(name, pattern) for pattern in buffers) else Role.WEIGHT
