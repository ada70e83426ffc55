"""Run-length codes with Elias gamma or Rice (format_spec/coders.md, elias_gamma and rice).

P. Elias, "Universal codeword sets and representations of the integers", IEEE Trans. Inf. Theory 21 (1975).
R. F. Rice, "Some practical universal noiseless coding techniques", JPL Publication 79-22 (1979).
"""

from __future__ import annotations

import itertools

import numpy as np

from ...errors import PayloadError, SymbolError
from .bits import BitReader, BitWriter

MAX_GAMMA_ZEROS = 30  # values up to 2**31 - 1
MAX_MAGNITUDE = 2**31 - 1
MAX_RICE_BITS = 30


def run_length_encode(values: np.ndarray, run_code: int, magnitude_code: int, non_zero_runs: bool) -> bytes:
    """int32 values (n,) to ceil(bits / 8) bytes; a code is -1 for gamma or the number of low bits for Rice."""
    _check_codes(run_code, magnitude_code)
    if values.size and values.min() < -MAX_MAGNITUDE:
        raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more")
    out = BitWriter()
    least_zeros = 0
    position = 0
    while position < len(values):
        zeros = _run_length(values[position:] == 0)
        _write_count(out, zeros - least_zeros, run_code)
        position += zeros
        if position == len(values):
            break
        non_zeros = 1
        if non_zero_runs:
            non_zeros = _run_length(values[position:] != 0)
            _write_count(out, non_zeros - 1, run_code)
            least_zeros = 1
        for value in values[position : position + non_zeros].tolist():
            out.bits(value > 0, 1)
            _write_count(out, abs(value) - 1, magnitude_code)
        position += non_zeros
    return out.tobytes()


def run_length_decode(
    payload: bytes | memoryview, run_code: int, magnitude_code: int, non_zero_runs: bool, out: np.ndarray
) -> int:
    """Fill int32 `out` (n,) from the start of `payload`; the number of bytes read.

    Raises:
        PayloadError: the payload holds no such code.
    """
    _check_codes(run_code, magnitude_code)
    reader = BitReader(payload)
    least_zeros = 0
    position = 0
    while position < len(out):
        zeros = _read_count(reader, run_code) + least_zeros
        _check_room(zeros, len(out) - position)
        out[position : position + zeros] = 0
        position += zeros
        if position == len(out):
            break
        non_zeros = 1
        if non_zero_runs:
            non_zeros += _read_count(reader, run_code)
            least_zeros = 1
        _check_room(non_zeros, len(out) - position)
        for _ in range(non_zeros):
            positive = reader.bits(1)
            magnitude = _read_count(reader, magnitude_code) + 1
            if magnitude > MAX_MAGNITUDE:
                raise PayloadError("payload holds a code that no encoder writes")
            out[position] = magnitude if positive else -magnitude
            position += 1
    return reader.end()


def _check_codes(*codes: int) -> None:
    if any(not -1 <= code <= MAX_RICE_BITS for code in codes):
        raise ValueError("kernel parameter outside its range")


def _check_room(count: int, room: int) -> None:
    if count > room:
        raise PayloadError("payload holds more symbols than its arrays")


def _run_length(mask: np.ndarray) -> int:
    """Leading True values of a mask."""
    return sum(1 for _ in itertools.takewhile(bool, mask))


def _write_count(out: BitWriter, count: int, code: int) -> None:
    """A count from 0: gamma(count + 1), or Rice."""
    if code < 0:
        low_bits = (count + 1).bit_length() - 1
        out.unary(low_bits)
        out.bits(count + 1, low_bits)
    else:
        out.unary(count >> code)
        out.bits(count, code)


def _read_count(reader: BitReader, code: int) -> int:
    if code < 0:
        low_bits = reader.unary(MAX_GAMMA_ZEROS)
        return (1 << low_bits | reader.bits(low_bits)) - 1
    prefix = reader.unary(MAX_MAGNITUDE)
    return prefix << code | reader.bits(code)
