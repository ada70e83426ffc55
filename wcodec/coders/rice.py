"""Run-length codes with the best Rice or gamma parameters for each array (format_spec/coders.md, rice)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from .. import backend
from ..errors import PayloadError
from .costs import shaped
from .protocol import ArraySpec
from .run_length_costs import code_bits, run_length_costs
from .symbols import accepts_integers, as_symbols, from_symbols, room_for

RUN_CODES = range(-1, 7)
MAGNITUDE_CODES = range(-1, 15)


class Parameters(NamedTuple):
    """The parameters of one array's string, one byte in the payload."""

    run_code: int
    magnitude_code: int
    non_zero_runs: bool

    def to_byte(self) -> int:
        """Bits 0-2: run code + 1; bits 3-6: magnitude code + 1; bit 7: runs of non-zeros."""
        return (self.run_code + 1) | (self.magnitude_code + 1) << 3 | self.non_zero_runs << 7

    @classmethod
    def from_byte(cls, byte: int) -> Parameters:
        """Every byte is a valid triple."""
        return cls((byte & 7) - 1, (byte >> 3 & 15) - 1, bool(byte >> 7))


class Rice:
    """Elias gamma's cousin for arrays that are not nearly all zero: parameters fitted to each array."""

    name: ClassVar[str] = "rice"
    number: ClassVar[int] = 4

    def accepts(self, dtype: np.dtype) -> bool:
        """Integers and booleans."""
        return accepts_integers(dtype)

    def encode(self, arrays: Sequence[np.ndarray]) -> bytes:
        """A byte of parameters and a byte-padded bit string for each array that is not empty."""
        return b"".join(_encode_one(as_symbols(array)) for array in arrays if array.size)

    def decode(
        self, payload: bytes | memoryview, specs: Sequence[ArraySpec], into: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """The arrays back; PayloadError unless the strings fill the payload exactly."""
        arrays, rest = [], memoryview(payload)
        for spec in specs:
            symbols = room_for(spec.size, into)
            if spec.size:
                if not rest:
                    raise PayloadError("payload ends before its last array")
                consumed = backend.kernel.run_length_decode(rest[1:], *Parameters.from_byte(rest[0]), symbols)
                rest = rest[1 + consumed :]
            arrays.append(from_symbols(symbols, spec))
        if rest:
            raise PayloadError(f"{len(rest)} bytes follow the last array")
        return arrays

    def cost(self, arrays: Sequence[np.ndarray]) -> float:
        """Bits of the payload."""
        return 8.0 * len(self.encode(arrays))

    def costs(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Bits of each symbol: the strings without the byte of parameters and the padding."""
        every = [as_symbols(array) for array in arrays]
        bits = [run_length_costs(s, *best_parameters(s)) if s.size else s.astype(np.float32) for s in every]
        return shaped(np.concatenate([np.empty(0, np.float32), *bits]), arrays)


def best_parameters(symbols: np.ndarray) -> Parameters:
    """The shortest code for int32 symbols (n,); the lowest header byte among equals.

    The cost of the runs does not depend on the magnitude code, so the two are chosen one after the other.
    """
    zeros, non_zeros = _runs(symbols)
    magnitudes = np.abs(symbols[symbols != 0].astype(np.int64))
    magnitude_code = min(MAGNITUDE_CODES, key=lambda code: int(code_bits(magnitudes - 1, code).sum()))

    # Without runs of non-zeros, each non-zero that follows another one pays for a run of no zeros.
    single = np.concatenate([zeros, np.zeros(non_zeros.sum() - len(non_zeros), np.int64)])
    in_runs = np.concatenate([zeros[:1], zeros[1:] - 1, non_zeros - 1])

    non_zero_runs, run_code = min(
        ((runs, code) for runs in (False, True) for code in RUN_CODES),
        key=lambda choice: int(code_bits(in_runs if choice[0] else single, choice[1]).sum()),
    )
    return Parameters(run_code, magnitude_code, non_zero_runs)


def _encode_one(symbols: np.ndarray) -> bytes:
    parameters = best_parameters(symbols)
    return bytes([parameters.to_byte()]) + backend.kernel.run_length_encode(symbols, *parameters)


def _runs(symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the runs of zeros and of the runs of non-zeros; they alternate, and the first zeros may be none."""
    is_zero = symbols == 0
    edges = np.flatnonzero(np.diff(is_zero)) + 1
    leading = edges[:0] if is_zero[0] else np.zeros(1, np.int64)
    lengths = np.diff(np.concatenate([[0], leading, edges, [len(symbols)]]))
    return lengths[0::2], lengths[1::2]
