"""Frequency tables of the rans coder: from counts to frequencies to integers (format_spec/coders.md, rans, 6)."""

from __future__ import annotations

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
MIDDLES = (CODED[1:-1] + CODED[2:]) / 2


def code_of(frequencies: np.ndarray) -> np.ndarray:
    """Codes of frequencies, rounded down to three significant bits."""
    return np.searchsorted(CODED, frequencies, side="right") - 1


class Tables(NamedTuple):
    """Tables of one array, in order.

    Attributes:
        frequencies: (n, 256), each of sum 2048.
        rest: (n,) indexes of the symbols whose frequency is what the others leave.
    """

    frequencies: np.ndarray
    rest: np.ndarray


def fit_tables(counts: np.ndarray) -> Tables:
    """Tables for counts (n, 256): all frequencies but that of the commonest symbol have a code.

    Without any count, symbol 0 is certain.
    """
    each = np.arange(len(counts))
    totals = counts.sum(axis=1)
    rest = np.where(totals > 0, counts.argmax(axis=1), ZERO)
    codes = _nearest_codes(counts * (TOTAL / np.maximum(totals, 1))[:, None])
    codes[counts == 0] = 0
    codes[each, rest] = 0
    frequencies = CODED[codes]
    for row in np.flatnonzero(frequencies.sum(axis=1) >= TOTAL):
        frequencies[row] = _lowered(codes[row])
    frequencies[each, rest] = TOTAL - frequencies.sum(axis=1)
    return Tables(frequencies, rest)


def add_tables(control: Control, tables: Tables) -> None:
    """The integers of the tables of one array: each as differences to the one before it."""
    all_codes = code_of(tables.frequencies)
    lows, highs = _extents(all_codes)
    previous: np.ndarray | None = None
    low = high = 1
    for codes, rest, new_low, new_high in zip(all_codes, tables.rest.tolist(), lows, highs, strict=True):
        rare = 0 if rest == 0 else codes[0]
        control.add(TABLE_HEAD, (rest - ZERO, new_low - low, new_high - high, rare))
        low, high = new_low, new_high
        coded = np.arange(ZERO - low, ZERO + high + 1)
        coded = coded[coded != rest]
        before = np.concatenate([[FIRST_PREDICTION], codes[coded]])[:-1]
        predictions = before if previous is None else previous[coded]
        control.add(Model.FREQUENCY + np.minimum(predictions // 3, 4), codes[coded] - predictions)
        previous = codes


TABLE_HEAD = np.array([Model.REST, Model.LOW, Model.HIGH, Model.RARE], np.uint8)


def _extents(codes: np.ndarray) -> tuple[list[int], list[int]]:
    """How far the symbols of each table (n, 256) reach below and above 0."""
    below, above = codes[:, 1 : ZERO + 1] > 0, codes[:, ZERO:] > 0
    low = np.where(below.any(axis=1), ZERO - 1 - below.argmax(axis=1), 0)
    high = np.where(above.any(axis=1), ZERO - 1 - above[:, ::-1].argmax(axis=1), 0)
    return low.tolist(), high.tolist()


def _lowered(codes: np.ndarray) -> np.ndarray:
    """Frequencies of codes (256,), the largest lowered until the rest gets one: many rare ones were rounded up."""
    frequencies = CODED[codes]
    excess = int(frequencies.sum()) - (TOTAL - 1)
    while excess > 0:
        largest = int(codes.argmax())
        excess -= int(CODED[codes[largest]] - CODED[codes[largest] - 1])
        codes[largest] -= 1
    return np.asarray(CODED[codes])


def _nearest_codes(frequencies: np.ndarray) -> np.ndarray:
    """Codes >= 1 of the coded frequencies next to the given ones, same shape."""
    return 1 + np.searchsorted(MIDDLES, frequencies, side="right")
