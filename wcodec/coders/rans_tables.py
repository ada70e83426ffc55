"""Frequency tables of the rans coder: from counts to frequencies to integers (format_spec/coders.md, rans, 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .rans_control import Control, Model

TOTAL = 2048
SYMBOLS = 256  # index = symbol + 128; index 0 is the escape
ZERO = 128
FIRST_PREDICTION = 20  # of a frequency code where nothing is known


def frequency_of(codes: np.ndarray) -> np.ndarray:
    """Frequencies of codes: 0..7 for themselves, then four an octave: 8, 10, 12, 14, 16, 20, ..."""
    codes = np.asarray(codes, np.int64)
    return np.where(codes < 8, codes, (4 + (codes & 3)) << np.maximum((codes >> 2) - 1, 0))


CODED = frequency_of(np.arange(41))  # ascending; 2048 only for a symbol that is certain


def code_of(frequencies: np.ndarray) -> np.ndarray:
    """Codes of frequencies, rounded down to three significant bits."""
    return np.searchsorted(CODED, frequencies, side="right") - 1


class Table(NamedTuple):
    """One table.

    Attributes:
        frequencies: (256,), sum 2048.
        rest: index of the symbol whose frequency is what the others leave.
    """

    frequencies: np.ndarray
    rest: int


def fit_table(counts: np.ndarray) -> Table:
    """The table for counts (256,): all frequencies but that of the commonest symbol have a code.

    Without any count, symbol 0 is certain.
    """
    total = int(counts.sum())
    rest = int(counts.argmax()) if total else ZERO
    codes = _nearest_codes(counts * (TOTAL / max(total, 1)))
    codes[counts == 0] = 0
    codes[rest] = 0
    excess = int(frequency_of(codes).sum()) - (TOTAL - 1)
    while excess > 0:  # many rare symbols were rounded up to 1
        largest = int(codes.argmax())
        excess -= int(CODED[codes[largest]] - CODED[codes[largest] - 1])
        codes[largest] -= 1
    frequencies = frequency_of(codes)
    frequencies[rest] = TOTAL - int(frequencies.sum())
    return Table(frequencies, rest)


def add_tables(control: Control, tables: Sequence[Table]) -> None:
    """The integers of the tables of one array: each as differences to the one before it."""
    previous: np.ndarray | None = None
    low = high = 1
    for table in tables:
        codes = code_of(table.frequencies)
        present = np.flatnonzero(codes[1:]) + 1 - ZERO
        outer = [0] if not present.size else [*present[[0, -1]], 0]
        control.add(Model.REST, table.rest - ZERO)
        control.add(Model.LOW, -min(outer) - low)
        control.add(Model.HIGH, max(outer) - high)
        control.add(Model.RARE, 0 if table.rest == 0 else codes[0])
        low, high = -min(outer), max(outer)
        coded = np.arange(ZERO - low, ZERO + high + 1)
        coded = coded[coded != table.rest]
        if previous is None:
            predictions = np.concatenate([[FIRST_PREDICTION], codes[coded]])[:-1]
        else:
            predictions = previous[coded]
        control.add(Model.FREQUENCY + np.minimum(predictions // 3, 4), codes[coded] - predictions)
        previous = codes


def _nearest_codes(frequencies: np.ndarray) -> np.ndarray:
    """Codes (n,) >= 1 of the coded frequencies next to the given ones."""
    middles = (CODED[1:-1] + CODED[2:]) / 2
    return 1 + np.searchsorted(middles, frequencies, side="right")
