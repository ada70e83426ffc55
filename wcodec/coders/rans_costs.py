"""What the symbols of the rans coder cost (format_spec/coders.md, rans)."""

from __future__ import annotations

import numpy as np

from .rans_control import Control, Geometry, add_serial
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
    bits[direct == ESCAPE] += _escape_bits(symbols[: view.size].reshape(direct.shape)[direct == ESCAPE])
    rest = symbols[view.size :]
    return np.concatenate([bits.reshape(-1), serial_costs(rest, geometry.rows)]).astype(np.float32)


def serial_costs(symbols: np.ndarray, rows: int) -> np.ndarray:
    """Bits float32 (n,) of int32 symbols (n,) that are coded serially: each the mean, as their string has no shares."""
    control = Control()
    add_serial(control, symbols, rows)
    return np.full(len(symbols), 8 * len(control.tobytes()) / max(len(symbols), 1), np.float32)


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
    """Of the distances beyond +-127: a sign, an exponent in unary and as many bits below, before any adaptation."""
    distance = np.abs(symbols.astype(np.int64)) + ESCAPE + 1
    return np.asarray(2 * np.frexp(distance)[1], np.float64)
