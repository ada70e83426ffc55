"""How the rans encoder codes one array: view, scale exponents, neighbours, tables, by least cost.

Nothing here is normative: a decoder reads what was chosen. The cost of symbols is their empirical entropy, that of
tables and exponents a linear estimate; both are a few tenths of a percent from the bytes written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .. import backend
from .rans_control import Control, Geometry, Model
from .rans_tables import SYMBOLS, add_tables, fit_tables

CLASSES = 16
CONTEXTS = 5
MIDDLE = 8  # class of scale exponent 0; exponents count half octaves
LANES = {1: 8, 2: 32}  # layout -> lanes; layout 0 has no lanes
MANY = 65536  # elements from which 32 lanes pay for their states
LEAST_ELEMENTS = 1024  # of an array with tables

# kinds of neighbours
NONE, UP, LEFT, SECOND, KERNEL, LINE = range(6)

# Bits of a difference of scale exponents, roughly.
MOVE_BITS = np.array([0.5, 2.1, 3.4, 4.4, 5.2, 6.0, 6.8, 7.6, 8, 8, 8, 8, 8, 8, 8, 8])


@dataclass(frozen=True)
class Scales:
    """Scale exponents of rows (r,), channels (c,) and kernel positions (k,); bits 0, 1, 2 of `mask` say which vary."""

    mask: int
    rows: np.ndarray
    channels: np.ndarray
    kernel: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Of the columns, int32 (c * k,)."""
        return np.asarray(self.channels[:, None] + self.kernel, np.int32).reshape(-1)


@dataclass(frozen=True)
class Plan:
    """Everything that the tables of an array depend on.

    Attributes:
        layout: 1 or 2, key of `LANES`.
        flat: 1 where the view is not the array's own rows.
        view: geometry of the view.
        scales: of the view.
        near: kinds of the two neighbours.
        merged: (16,) classes whose contexts share a table.
        counts: (16, 5, 256) by class, context and symbol.
        bits: estimated cost.
    """

    layout: int
    flat: int
    view: Geometry
    scales: Scales
    near: tuple[int, int]
    merged: np.ndarray
    counts: np.ndarray
    bits: float


@lru_cache(maxsize=64)
def near_columns(kind: int, view: Geometry) -> np.ndarray:
    """Column of the neighbour of each column, int32 (columns,): its own one for the row above, -1 for none."""
    column = np.arange(view.columns)
    in_kernel = column % view.kernel
    line = np.where(in_kernel >= view.line, view.line, view.kernel)
    distances = {
        NONE: np.full(view.columns, view.columns),
        UP: np.zeros(view.columns, np.int64),
        LEFT: np.ones(view.columns, np.int64),
        SECOND: np.full(view.columns, 2),
        KERNEL: np.where(in_kernel % view.line, 1, line),
        LINE: line,
    }
    return np.asarray(np.maximum(column - distances[kind], -1), np.int32)


def bands(view: Geometry, layout: int, near: tuple[int, int], scales: Scales) -> Any:
    """The kernel's description of a view cut into lanes."""
    a, b = (near_columns(kind, view) for kind in near)
    return backend.kernel.RansBands(a, b, scales.rows.astype(np.int32), scales.columns, LANES[layout])


def pack(symbols: np.ndarray, view: Geometry, layout: int) -> np.ndarray:
    """int32 symbols of a view as int8 (steps * columns * lanes,), in the order in which they are decoded."""
    lanes = LANES[layout]
    packed = np.empty(-(-view.rows // lanes) * lanes * view.columns, np.int8)
    backend.kernel.rans_pack(symbols[: view.size].reshape(view.rows, view.columns), lanes, packed)
    return packed


def make_plan(symbols: np.ndarray, geometry: Geometry) -> tuple[Plan, np.ndarray]:
    """The cheapest plan for int32 symbols (n,), n >= LEAST_ELEMENTS, and the packed symbols of its view."""
    layout = 2 if geometry.size >= MANY and not LANES[1] <= geometry.rows < LANES[2] else 1
    flat = int(geometry.rows < LANES[layout])
    view = Geometry(LANES[layout], geometry.size // LANES[layout], 1, 1) if flat else geometry
    packed = pack(symbols, view, layout)
    pairs = _pairs(view)
    plans = [_plan(packed, layout, flat, view, scales, pairs[0]) for scales in _scales(symbols, view)]
    best = min(plans, key=lambda plan: plan.bits)
    more = [_plan(packed, layout, flat, view, best.scales, pair) for pair in pairs[1:]]
    return min([best, *more], key=lambda plan: plan.bits), packed


def add_plan(control: Control, plan: Plan) -> np.ndarray:
    """Everything before the words of an array; the frequencies uint16 (16, 5, 256) that the words need."""
    control.add(Model.LAYOUT, plan.layout)
    control.add(Model.VIEW, plan.flat)
    control.add(Model.NEAR_A, plan.near[0])
    control.add(Model.NEAR_B, plan.near[1])
    control.add(Model.SCALES, plan.scales.mask)
    parts = (Model.ROW, plan.scales.rows), (Model.CHANNEL, plan.scales.channels), (Model.KERNEL, plan.scales.kernel)
    for axis, (model, exponents) in enumerate(parts):
        if plan.scales.mask >> axis & 1:
            control.add(model, np.diff(exponents, prepend=0))
    return _add_tables(control, plan)


def _add_tables(control: Control, plan: Plan) -> np.ndarray:
    contexts = _contexts(plan.near)
    used = np.flatnonzero(plan.counts.any(axis=(1, 2)))
    if len(contexts) > 1:
        control.add(Model.MERGED, plan.merged[used])
    together = plan.counts.sum(axis=1)
    rows = [
        counts
        for number in used
        for counts in (together[number : number + 1] if plan.merged[number] else plan.counts[number, contexts])
    ]
    tables = fit_tables(np.array(rows))
    add_tables(control, tables)
    frequencies = np.zeros((CLASSES, CONTEXTS, SYMBOLS), np.uint16)
    row = 0
    for number in used:
        count = 1 if plan.merged[number] else len(contexts)
        frequencies[number, contexts] = tables.frequencies[row : row + count]
        row += count
    return frequencies


# -- scale exponents -----------------------------------------------------------------------------------------------


def _scales(symbols: np.ndarray, view: Geometry) -> Iterator[Scales]:
    """Scale exponents worth trying."""
    magnitudes = np.abs(symbols[: view.size]).reshape(view.rows, view.columns)
    np.minimum(magnitudes, 4 * SYMBOLS, out=magnitudes)
    of_columns = magnitudes.sum(0, dtype=np.int64).reshape(view.channels, view.kernel)
    sums = magnitudes.sum(1, dtype=np.int64), of_columns.sum(1), of_columns.sum(0)
    mean = max(int(sums[0].sum()), 1) / view.size
    fitted = [_exponents(s, view.size // len(s), mean) for s in sums]
    single = int(view.kernel > 1) << 2
    for mask in (3 | single, 1, 0):
        yield Scales(mask, *(e if mask >> axis & 1 else np.zeros_like(e) for axis, e in enumerate(fitted)))


def _exponents(sums: np.ndarray, count: int, mean: float) -> np.ndarray:
    """Half octaves (n,) by which groups of `count` magnitudes with the given sums (n,) exceed the mean.

    Magnitudes are taken as geometric; differences between neighbours cost MOVE_BITS.
    """
    means = mean * 2.0 ** ((np.arange(CLASSES) - MIDDLE) / 2)
    bits = count * np.log2(1 + means) + sums[:, None] * np.log2((1 + means) / means)
    bits -= bits.min(axis=1, keepdims=True)
    path = np.empty(len(sums), np.uint8)
    backend.kernel.rans_smooth(_sixteenths(np.minimum(bits, 1e6)), _sixteenths(MOVE_BITS), path)
    return np.asarray(path, np.int32) - MIDDLE


def _sixteenths(bits: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(16 * bits), np.int32)


# -- contexts ------------------------------------------------------------------------------------------------------


def _pairs(view: Geometry) -> list[tuple[int, int]]:
    if view.kernel > 1:
        return [(KERNEL, LINE)]
    return [(LEFT, UP), (LEFT, SECOND)]


def _contexts(near: tuple[int, int]) -> list[int]:
    """Contexts that can occur; the second neighbour is not used without the first."""
    return [0] if near[0] == NONE else [0, 3] if near[1] == NONE else [0, 1, 2, 3, 4]


def _plan(packed: np.ndarray, layout: int, flat: int, view: Geometry, scales: Scales, near: tuple[int, int]) -> Plan:
    """The best use of two neighbours: both, either, none; class by class together or apart."""
    counts = np.empty(CLASSES * 9 * SYMBOLS, np.uint32)
    backend.kernel.rans_count(packed, bands(view, layout, near, scales), counts)
    merged, tables = np.empty(CLASSES, np.uint8), np.empty(CLASSES * CONTEXTS * SYMBOLS, np.uint32)
    choice, bits = backend.kernel.rans_weigh(counts, merged, tables)
    pair = (near, (near[0], NONE), (near[1], NONE), (NONE, NONE))[choice]
    cube = tables.reshape(CLASSES, CONTEXTS, SYMBOLS)
    return Plan(layout, flat, view, scales, pair, merged, cube, bits / 65536 + _scale_bits(scales))


def _scale_bits(scales: Scales) -> float:
    parts = scales.rows, scales.channels, scales.kernel
    coded = [np.diff(exponents, prepend=0) for axis, exponents in enumerate(parts) if scales.mask >> axis & 1]
    return float(sum(MOVE_BITS[np.minimum(np.abs(differences), 15)].sum() for differences in coded))
