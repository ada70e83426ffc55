"""What the symbols of the rans coder cost (format_spec/coders.md, rans)."""

from __future__ import annotations

import numpy as np

from .rans_control import Control, Geometry, Model, add_serial
from .rans_plan import CLASSES, LANES, MIDDLE, NONE, UP, Plan, near_columns
from .rans_tables import TOTAL, ZERO

ESCAPE = -128


def planned_costs(symbols: np.ndarray, geometry: Geometry, plan: Plan, frequencies: np.ndarray) -> np.ndarray:
    """Bits float32 (n,) of int32 symbols (n,) under a plan and its frequencies (16, 5, 256)."""
    view = plan.view
    direct = np.where(np.abs(symbols) > -ESCAPE - 1, ESCAPE, symbols)[: view.size].reshape(view.rows, view.columns)
    signs = np.sign(direct)
    a, b = (_neighbours(signs, kind, plan) for kind in plan.near)
    keys = 3 * a + b
    classes = np.clip(MIDDLE + plan.scales.rows[:, None] + plan.scales.columns, 0, CLASSES - 1)
    seen = np.where((keys < 0) & (direct != ESCAPE), -direct, direct)
    bits = np.log2(TOTAL / frequencies[classes, np.abs(keys), seen + ZERO])
    escaped = direct == ESCAPE
    if escaped.any():
        bits[escaped] += _escape_bits(symbols[: view.size].reshape(direct.shape)[escaped])
    rest = symbols[view.size :]
    return np.concatenate([bits.reshape(-1), serial_costs(rest, geometry.rows)]).astype(np.float32)


def serial_costs(symbols: np.ndarray, rows: int) -> np.ndarray:
    """Bits float32 (n,) of int32 symbols (n,) that are coded serially."""
    control = Control()
    add_serial(control, symbols, rows)
    return _shares(symbols, control).astype(np.float32)


def _shares(integers: np.ndarray, control: Control) -> np.ndarray:
    """Bits float64 (n,) of integers (n,) in a control string: its length, in the proportions of their gamma codes."""
    if not len(integers):
        return np.empty(0)
    lengths = 2.0 * np.frexp(np.abs(integers.astype(np.float64)))[1] + 1
    return np.asarray(lengths * (8 * len(control.tobytes()) / lengths.sum()))


def _neighbours(signs: np.ndarray, kind: int, plan: Plan) -> np.ndarray:
    """Signs of the neighbours of a view, int (rows, columns): 0 where there is none in the lane."""
    if kind == NONE:
        return np.zeros_like(signs)
    if kind == UP:
        lanes, rows = LANES[plan.layout], plan.view.rows
        above = np.concatenate([np.zeros_like(signs[:1]), signs[:-1]])
        above[rows * np.arange(lanes) // lanes] = 0
        return above
    columns = near_columns(kind, plan.view)
    return np.where(columns >= 0, signs[:, columns], 0)


def _escape_bits(symbols: np.ndarray) -> np.ndarray:
    """Of the distances beyond +-127 of symbols (n,)."""
    control = Control()
    distances = np.where(symbols > 0, symbols + ESCAPE + 1, symbols - ESCAPE - 1)
    control.add(Model.ESCAPE, distances)
    return _shares(distances, control)
