"""What the symbols of run-length codes cost (format_spec/coders.md, elias_gamma and rice)."""

from __future__ import annotations

import numpy as np


def run_length_costs(symbols: np.ndarray, run_code: int, magnitude_code: int, non_zero_runs: bool) -> np.ndarray:
    """Bits of int32 symbols (n,), float32 (n,); their sum is exact.

    A run is paid for by its elements in equal shares, a run of no zeros by the non-zero that follows it. Codes are -1
    for Elias gamma, else the low bits of a Rice code.
    """
    costs = np.zeros(len(symbols))
    if not len(symbols):
        return costs.astype(np.float32)
    is_zero = symbols == 0
    starts = np.concatenate([[0], np.flatnonzero(np.diff(is_zero)) + 1])
    lengths = np.diff(starts, append=len(symbols))
    of_zeros = is_zero[starts]
    first_kind_is_zero = bool(of_zeros[0])
    counts = lengths.copy()
    if non_zero_runs:  # only the first run, of zeros, may be empty
        counts[1 if first_kind_is_zero else 0 :] -= 1
    else:
        counts[~of_zeros] = 0  # each non-zero but the first one of a run pays for no zeros before it
    shares = code_bits(counts, run_code) / lengths
    if non_zero_runs:
        costs += np.repeat(shares, lengths)
    else:
        costs += np.repeat(np.where(of_zeros, shares, 0), lengths)
        follows = ~is_zero
        follows[starts[~of_zeros]] = False
        costs[follows] += code_bits(np.zeros(1, np.int64), run_code)[0]
    if not first_kind_is_zero:  # the string starts with a run of no zeros
        costs[0] += code_bits(np.zeros(1, np.int64), run_code)[0]
    magnitudes = np.abs(symbols[~is_zero].astype(np.int64))
    costs[~is_zero] += 1 + code_bits(magnitudes - 1, magnitude_code)
    return costs.astype(np.float32)


def code_bits(counts: np.ndarray, code: int) -> np.ndarray:
    """Bits that each of the counts (n,) from 0 takes: as gamma(count + 1) where `code` is -1, else as a Rice code."""
    if code < 0:
        return np.asarray(2 * np.frexp(counts + 1)[1].astype(np.int64) - 1)
    return np.asarray((counts >> code) + 1 + code)
