"""What a coder is: lossless, from a list of arrays to bytes and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np


class ArraySpec(NamedTuple):
    """Shape and dtype of an array that a payload holds; known from the record before anything is decoded."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Coder(Protocol):
    """One entropy coder. Stateless: all adaptive state lives inside one call.

    A payload is self-delimiting given the specs: `decode` reads exactly the bytes that `encode` wrote and raises
    `PayloadError` on anything else that it can notice (what it cannot, the chunk's CRC-32 catches).
    The caller has checked sizes against its limits before it calls `decode`.
    """

    name: ClassVar[str]
    number: ClassVar[int]  # in format_spec/registry.md

    def accepts(self, dtype: np.dtype) -> bool:
        """Whether arrays of `dtype` can be coded."""

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """Code arrays of any shapes (also empty, also 0-d), in order, into one payload; deterministic.

        Integer coders see arrays of rank >= 2 in the order (out, in, kernel...).
        """

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back, bit for bit.

        Args:
            payload: what `encode` wrote.
            specs: of the arrays.
            into: int32 (n,), contiguous: room for the elements of the one array, which a coder of integers may use.

        Raises:
            PayloadError: the payload does not hold these arrays.
        """

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits that `encode` takes, to a few bits and 0.1 %."""

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Bits that each element takes where it stands, float32 arrays of the shapes of `arrays`.

        Together they are what `encode` takes, but for what a payload holds besides its elements: tables, ends, padding.
        """


@runtime_checkable
class ScalingCoder(Coder, Protocol):
    """A coder that can multiply while it decodes, which saves a pass over the weights."""

    def decode_scaled(
        self,
        payload: bytes | memoryview,
        specs: Sequence[ArraySpec],
        steps_of: Callable[[list[np.ndarray]], np.ndarray | None],
    ) -> list[np.ndarray]:
        """`decode`, with arrays multiplied by their steps on the way.

        Args:
            payload: of `encode`.
            specs: of its arrays.
            steps_of: called before each array with those before it; float32 steps, (1,) or one for each index of the
                array's first axis, or None for the symbols themselves.

        Returns:
            float32 symbol * step, one multiplication an element, where there are steps.
        """
