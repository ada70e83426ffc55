"""What contexts would cost the rans coder, in integers (wcodec/coders/rans_plan.py)."""

from __future__ import annotations

import numpy as np

from .cost_meter import LOG2

CLASSES, SIGNS, SYMBOLS, ZERO = 16, 9, 256, 128

# In 2^-16 bit: a table without its symbols, each symbol between the outermost ones, a table that is not there.
TABLE_BITS, CODE_BITS, NO_TABLE_BITS = 6 << 16, 104858, 117965

SECOND_NEIGHBOUR = 3  # what a second neighbour must save, in thousandths

# choice of neighbours -> context of 3 sign(a) + sign(b), negative for a mirrored one: both, the first, the second, none
KEYS = (lambda a, b: 3 * a + b, lambda a, b: 3 * a, lambda a, b: 3 * b, lambda a, b: 0)
USED = ((0, 1, 2, 3, 4), (0, 3), (0, 3), (0,))


def x_log2(x: int) -> int:
    """x log2 x in 2^-16."""
    exponent = x.bit_length() - 1
    mantissa = (x << (32 - exponent)) % 2**32
    cell, past = divmod(mantissa, 1 << 25)
    return x * ((exponent << 16) + LOG2[cell] + ((LOG2[cell + 1] - LOG2[cell]) * past >> 25))


def table_bits(counts: list[int]) -> int:
    """Of a table and its symbols: the escape, then -m .. m."""
    present = [i for i, count in enumerate(counts) if count]
    if not present:
        return NO_TABLE_BITS
    entropy = x_log2(sum(counts)) - sum(x_log2(counts[i]) for i in present)
    return entropy + TABLE_BITS + CODE_BITS * (present[-1] + 1 - present[0])


def folded(counts: np.ndarray, choice: int) -> np.ndarray:
    """(9, 256) of one class -> (5, 256) by context: of mirrored ones the symbols are negated."""
    tables = np.zeros((5, SYMBOLS), np.int64)
    for signs in range(SIGNS):
        key = KEYS[choice](signs // 3 - 1, signs % 3 - 1)
        tables[abs(key), 0] += counts[signs, 0]
        tables[abs(key), 1:] += counts[signs, :0:-1] if key < 0 else counts[signs, 1:]
    return tables


def rans_weigh(counts: np.ndarray, merged: np.ndarray, tables: np.ndarray) -> tuple[int, int]:
    """Best use of uint32 counts (16 * 9 * 256,) and its bits: 0 both neighbours, 1 the first, 2 the second, 3 none.

    Fills uint8 `merged` (16,) with the classes that have one table for all contexts, uint32 `tables` (16 * 5 * 256,).
    """
    cube = counts.reshape(CLASSES, SIGNS, SYMBOLS).astype(np.int64)
    present = np.flatnonzero(cube.sum(axis=(0, 1))[1:]) + 1 - ZERO
    most = int(np.abs(present).max(initial=0))
    cropped = np.array([0, *range(ZERO - most, ZERO + most + 1)])
    tried = []
    for choice, used in enumerate(USED):
        folds = np.array([folded(c, choice) for c in cube])
        apart = [sum(table_bits(fold[context, cropped].tolist()) for context in used) for fold in folds]
        together = [table_bits(fold.sum(axis=0)[cropped].tolist()) for fold in folds]
        tried.append((sum(map(min, apart, together)), [t <= a for a, t in zip(apart, together, strict=True)], folds))
    best = 0
    for choice in (1, 2, 3):
        if tried[choice][0] * 1000 < tried[best][0] * (1000 if best else 1000 + SECOND_NEIGHBOUR):
            best = choice
    bits, merged[:], chosen = tried[best]
    tables[:] = chosen.reshape(-1)
    return best, bits
