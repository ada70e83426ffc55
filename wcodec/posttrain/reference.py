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
