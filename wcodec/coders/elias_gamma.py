"""Run lengths of zeros and magnitudes by Elias gamma codes (format_spec/coders.md, elias_gamma).

The bits of one array are those of TensorFlow Compression's run_length_encode with its default codes, and
so those of its power-law entropy model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from .. import backend
from ..errors import PayloadError
from .costs import shaped
from .protocol import ArraySpec
from .run_length_costs import run_length_costs
from .symbols import accepts_integers, as_symbols, from_symbols, room_for

GAMMA = -1


class EliasGamma:
    """The coder of the EPR papers' code: no parameters, no state, few bits where nearly all is zero."""

    name: ClassVar[str] = "elias_gamma"
    number: ClassVar[int] = 1

    def accepts(self, dtype: np.dtype) -> bool:
        """Integers and booleans."""
        return accepts_integers(dtype)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """One byte-padded bit string an array; nothing for an empty one."""
        return b"".join(run_length_encode(array) for array in arrays)

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back; PayloadError unless the strings fill the payload exactly."""
        arrays, rest = [], memoryview(payload)
        for spec in specs:
            symbols = room_for(spec.size, into)
            rest = rest[backend.kernel.run_length_decode(rest, GAMMA, GAMMA, False, symbols) :]
            arrays.append(from_symbols(symbols, spec))
        if rest:
            raise PayloadError(f"{len(rest)} bytes follow the last array")
        return arrays

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits of the payload."""
        return 8.0 * len(self.encode(arrays))

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Bits of each symbol: the strings without their padding."""
        bits = [run_length_costs(as_symbols(array), GAMMA, GAMMA, False) for array in arrays]
        return shaped(np.concatenate([np.empty(0, np.float32), *bits]), arrays)


def run_length_encode(
    array: np.ndarray,
    run_length_code: int = GAMMA,
    magnitude_code: int = GAMMA,
    use_run_length_for_non_zeros: bool = False,
) -> bytes:
    """The bit string of tensorflow_compression's op of the same name, always in its clean form.

    Args:
        array: integers of any shape, taken row-major.
        run_length_code: -1 for Elias gamma, 0..30 for Rice with that many low bits; for the runs.
        magnitude_code: the same, for the magnitudes of the non-zeros.
        use_run_length_for_non_zeros: also code how many non-zeros follow each other.

    Raises:
        SymbolError: a value outside -(2**31 - 1) .. 2**31 - 1; the op would change INT32_MIN in silence.
    """
    symbols = as_symbols(array)
    return backend.kernel.run_length_encode(symbols, run_length_code, magnitude_code, use_run_length_for_non_zeros)


def run_length_decode(
    code: bytes | memoryview,
    shape: tuple[int, ...],
    run_length_code: int = GAMMA,
    magnitude_code: int = GAMMA,
    use_run_length_for_non_zeros: bool = False,
) -> np.ndarray:
    """int32 array of `shape` from the bit string of `run_length_encode` with the same parameters.

    Raises:
        PayloadError: not such a string; trailing bytes and padding bits other than zero included.
    """
    spec = ArraySpec(tuple(shape), np.dtype(np.int32))
    symbols = np.empty(spec.size, np.int32)
    consumed = backend.kernel.run_length_decode(
        code, run_length_code, magnitude_code, use_run_length_for_non_zeros, symbols
    )
    if consumed != len(code):
        raise PayloadError(f"{len(code) - consumed} bytes follow the last symbol")
    return symbols.reshape(spec.shape)
