"""elias_gamma (section 3) and rice (section 6): runs of zeros and magnitudes."""

from __future__ import annotations

import math

import numpy as np

from ..elements import from_symbols
from ..errors import PAYLOAD, require
from .bits import Bits


def decode_elias_gamma(payload: bytes, specs: list) -> list[np.ndarray]:
    bits = Bits(payload)
    arrays = [decode_run_lengths(bits, math.prod(shape), -1, -1, False) for shape, _ in specs]
    return finish_integers(bits, arrays, specs)


def decode_rice(payload: bytes, specs: list) -> list[np.ndarray]:
    bits, arrays = Bits(payload), []
    for shape, _ in specs:
        size = math.prod(shape)
        parameters = bits.bits(8) if size else 0
        codes = (parameters & 7) - 1, (parameters >> 3 & 15) - 1, bool(parameters >> 7)
        arrays.append(decode_run_lengths(bits, size, *codes))
    return finish_integers(bits, arrays, specs)


def decode_run_lengths(bits: Bits, size: int, run_code: int, magnitude_code: int, non_zero_runs: bool) -> np.ndarray:
    """`size` symbols as runs of zeros and of non-zeros; each array starts and ends at a byte."""
    out = np.zeros(size, np.int32)
    position, least_zeros = 0, 0
    while position < size:
        position += bits.count(run_code) + least_zeros
        require(position <= size, PAYLOAD, "a run beyond the end of its array")
        if position == size:
            break
        run = 1
        if non_zero_runs:
            run += bits.count(run_code)
            least_zeros = 1
        require(position + run <= size, PAYLOAD, "a run beyond the end of its array")
        for _ in range(run):
            positive = bits.bits(1)
            magnitude = bits.count(magnitude_code) + 1
            require(magnitude < 2**31, PAYLOAD, "a magnitude above 2**31 - 1")
            out[position] = magnitude if positive else -magnitude
            position += 1
    bits.skip_padding()
    return out


def finish_integers(bits: Bits, arrays: list[np.ndarray], specs: list) -> list[np.ndarray]:
    require(bits.position == 8 * len(bits.data), PAYLOAD, "bytes follow the last array")
    return from_symbols(arrays, specs)
