"""The native inner loop of `obs` in numpy, symbol for symbol, written to be read."""

from __future__ import annotations

import numpy as np

from ..errors import SymbolError
from ..quantize import MAX_SYMBOL


def round_with_feedback(weights: np.ndarray, feedback: np.ndarray, steps: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` (rows, columns) int32 with the symbols of `weights` (rows, columns), one step a row.

    Args:
        weights: float64.
        feedback: (columns, columns) float64; only the part above the diagonal is read.
        steps: (rows,) float64.
        out: filled in place.

    Raises:
        SymbolError: a symbol beyond int32, or NaN.
    """
    pending = weights.copy()
    for c in range(weights.shape[1]):
        quotient = pending[:, c] / steps
        if not np.all(np.abs(quotient) <= MAX_SYMBOL):
            raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1")
        symbols = np.rint(quotient)
        error = weights[:, c] - symbols * steps
        out[:, c] = symbols.astype(np.int32)
        pending[:, c + 1 :] += error[:, np.newaxis] * feedback[c, c + 1 :]


_Path = tuple[float, np.ndarray, tuple[int, ...]]  # cost, pending weights, symbols so far


def search_with_feedback(
    weights: np.ndarray,
    feedback: np.ndarray,
    steps: np.ndarray,
    column_weights: np.ndarray,
    rate: float,
    bits: np.ndarray,
    paths: int,
    out: np.ndarray,
) -> None:
    """`round_with_feedback` with the `paths` best beginnings of each row kept (the M-algorithm).

    A path costs the sum over its columns of column_weights[c] * (pending / step - symbol)^2 + rate * bits[|symbol|].

    Args:
        weights, feedback, steps, out: as above.
        column_weights: (columns,) float64.
        rate: cost of a bit; zero is tried too where this is positive.
        bits: code lengths by magnitude; the last one stands for all that are larger.
        paths: 1 to 64.

    Raises:
        SymbolError: a symbol beyond int32, or NaN.
    """
    columns = weights.shape[1]
    for row, (weight, step) in enumerate(zip(weights, steps, strict=True)):
        start: _Path = (0.0, weight.copy(), ())
        kept = [start]
        for c in range(columns):
            tried: list[_Path] = []
            for cost, pending, symbols in kept:
                for symbol in _candidates(pending[c] / step, rate):
                    off = pending[c] / step - symbol
                    added = column_weights[c] * off * off
                    price = rate * bits[min(abs(symbol), len(bits) - 1)] if rate > 0 else 0.0
                    tried.append((cost + added + price, pending, (*symbols, symbol)))
            tried.sort(key=lambda path: path[0])  # stable: of equal costs, what was tried first
            kept = [
                (cost, pending + (weight[c] - symbols[-1] * step) * np.triu(feedback, 1)[c], symbols)
                for cost, pending, symbols in tried[:paths]
            ]
        out[row] = kept[0][2]


def _candidates(quotient: float, rate: float) -> list[int]:
    if not abs(quotient) <= MAX_SYMBOL:
        raise SymbolError("symbol outside -(2**31 - 1) .. 2**31 - 1")
    first = int(np.rint(quotient))
    found = [first, first - 1 if quotient < first else first + 1]
    if rate > 0 and 0 not in found:
        found.append(0)
    return [symbol for symbol in found if abs(symbol) <= MAX_SYMBOL]
