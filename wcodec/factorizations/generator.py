"""The numbers that decoders make up for themselves (format_spec/factorizations.md, generated matrices).

Integers only: the same on every machine, whatever its library of random numbers.
"""

from __future__ import annotations

import numpy as np

LARGEST_SEED = 2**32 - 1
DEVIATION = 4  # of an entry; 64 fair bits, minus their mean


def generated_columns(seed: int, rows: int, columns: int, first: int, last: int) -> np.ndarray:
    """Columns first to last - 1 of the matrix (rows, columns) of a seed: float32 whole numbers from -32 to 32.

    Entry (a, b) is the number of ones in word a * columns + b of SplitMix64 (Steele, Lea and Flood, 2014), minus 32:
    binomial, close to normal, of mean 0 and deviation 4.
    """
    number = np.arange(rows, dtype=np.uint64)[:, None] * np.uint64(columns) + np.arange(first, last, dtype=np.uint64)
    return (_ones(_words(seed, number)).astype(np.int64) - 32).astype(np.float32)


def _words(seed: int, number: np.ndarray) -> np.ndarray:
    """The words of SplitMix64 with these numbers, from 0, modulo 2^64 throughout."""
    z = np.uint64(seed) + (number + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def _ones(words: np.ndarray) -> np.ndarray:
    """Number of set bits; numpy has it from 2.0 on only."""
    words = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + ((words >> np.uint64(2)) & np.uint64(0x3333333333333333))
    words = (words + (words >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.asarray((words * np.uint64(0x0101010101010101)) >> np.uint64(56))
