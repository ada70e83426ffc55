"""Interleaved rANS with static tables (format_spec/coders.md, rans): the loops of the encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .rans_walk import BITS, CLASSES, ESCAPE, LOWEST_STATE, Step, band_rows, class_of, flipped, near_symbols, sign


class RansBands(NamedTuple):
    """A matrix cut into bands: near columns (c,), scale exponents of rows (r,) and columns (c,), lanes."""

    near_a: np.ndarray
    near_b: np.ndarray
    row_scale: np.ndarray
    column_scale: np.ndarray
    lanes: int


def rans_pack(values: np.ndarray, lanes: int, symbols: np.ndarray) -> None:
    """int32 (rows, columns) into int8 (steps * columns * lanes,); beyond +-127 the escape, without a row 0."""
    packed = np.where(np.abs(values) > 127, ESCAPE, values)
    blank = np.zeros(values.shape[1], np.int8)
    steps = [[blank if r is None else packed[r] for r in rows] for rows in band_rows(len(values), lanes)]
    symbols[:] = np.array(steps).transpose(0, 2, 1).reshape(-1)


def rans_count(symbols: np.ndarray, bands: RansBands, counts: np.ndarray) -> None:
    """uint32 counts (16 * 9 * 256,) of class, 3 sign(a) + sign(b) + 4, symbol + 128."""
    counts[:] = 0
    cube = counts.reshape(CLASSES, 9, 256)

    def count(_: int, number: int, context: int, symbol: int) -> None:
        cube[number, context + 4, symbol + 128] += 1

    _visit(symbols, bands, count)


def rans_encode(symbols: np.ndarray, bands: RansBands, frequencies: np.ndarray) -> bytes:
    """States and words under uint16 frequencies (16 * 5 * 256,) by class, context, symbol + 128."""
    tables = frequencies.reshape(CLASSES, 5, 256).astype(int)
    starts = np.cumsum(tables, axis=2) - tables
    states = [LOWEST_STATE] * bands.lanes
    words: list[bytes] = []
    visited: list[tuple[int, int, int, int]] = []
    _visit(symbols, bands, lambda *one: visited.append(one))
    for lane, number, context, symbol in reversed(visited):
        index = number, abs(context), flipped(symbol, context) + 128
        frequency, start = int(tables[index]), int(starts[index])
        if not frequency:
            raise ValueError("kernel parameter outside its range")
        if states[lane] >> (32 - BITS) >= frequency:
            words.append((states[lane] & 0xFFFF).to_bytes(2, "little"))
            states[lane] >>= 16
        quotient, remainder = divmod(states[lane], frequency)
        states[lane] = (quotient << BITS) + remainder + start
    return b"".join([state.to_bytes(4, "little") for state in states] + words[::-1])


def rans_smooth(costs: np.ndarray, moves: np.ndarray, path: np.ndarray) -> None:
    """Cheapest path uint8 (n,) through costs (n, 16) from level 8; a move by k levels costs moves[k]. Ties: lowest."""
    levels = np.arange(CLASSES)
    moving = moves.astype(np.int64)[np.abs(levels[:, None] - levels)]
    totals = np.where(levels == 8, 0, 1 << 60)
    back = []
    for cost in costs.astype(np.int64):
        reached = totals[:, None] + moving
        back.append(reached.argmin(axis=0))
        totals = reached.min(axis=0) + cost
    level = int(totals.argmin())
    for i in reversed(range(len(path))):
        path[i] = level
        level = int(back[i][level])


def _visit(symbols: np.ndarray, bands: RansBands, visit: Callable[[int, int, int, int], object]) -> None:
    """Calls visit(lane, class, context, symbol) in the order of decoding."""
    rows, columns, lanes = len(bands.row_scale), len(bands.column_scale), bands.lanes
    steps = symbols.reshape(-1, columns, lanes).tolist()
    above: Step = [[0] * lanes for _ in range(columns)]
    for step, places in zip(steps, band_rows(rows, lanes), strict=True):
        for column, now in enumerate(step):
            a = near_symbols(step, above, int(bands.near_a[column]), column, lanes)
            b = near_symbols(step, above, int(bands.near_b[column]), column, lanes)
            for lane, row in enumerate(places):
                if row is not None:
                    number = class_of(int(bands.row_scale[row]), int(bands.column_scale[column]))
                    visit(lane, number, 3 * sign(a[lane]) + sign(b[lane]), now[lane])
        above = step
