"""Quantizing a weight matrix by what it does to the layer's output: optimal-brain-surgeon error feedback.

A row w of weights meets inputs x with second moments H = E[x x^T]. Rounding it to q costs E[((w - q) x)^2] =
(w - q) H (w - q)^T, and H = R R^T with R upper triangular splits that into one square a column:

    (w - q) H (w - q)^T = sum_c R_cc^2 (w_c + sum_{i<c} (w_i - q_i) R_ic / R_cc - q_c)^2

So each column, rounded after the errors of those before it were carried over, makes its square as small as a single
column can. The columns go in the raster order of the coder. docs/notes/posttrain.md derives it and works an example.

Sources: Hassibi & Stork, Optimal Brain Surgeon, 1993; Frantar et al., GPTQ, 2023; Chee et al., QuIP, 2023, whose
theorem says that the factor of H gives the same symbols as GPTQ's factor of its inverse, which is never formed here.
"""

from __future__ import annotations

import numpy as np

from .. import backend
from ..errors import NonFiniteError

if backend.NAME == "native":
    from .._posttrain import round_with_feedback
else:
    from .reference import round_with_feedback


def damped(moments: np.ndarray, damping: float) -> np.ndarray:
    """H + damping * mean(diag H) * I, float64 (n, n); the identity where H is zero (inputs that never move).

    Dead inputs make H singular in nearly every layer after a ReLU, so `damping` is relative to the mean diagonal.

    Raises:
        NonFiniteError: NaN or infinity in `moments`.
    """
    moments = np.asarray(moments, np.float64)
    if not np.isfinite(moments).all():
        raise NonFiniteError("NaN or infinity in the second moments of the inputs")
    mean = float(np.mean(np.diag(moments))) if moments.size else 0.0
    if not mean > 0:
        return np.eye(len(moments))
    return moments + damping * mean * np.eye(len(moments))


def feedback_of(moments: np.ndarray) -> np.ndarray:
    """The share R_ic / R_cc of column i's error that column c takes over: unit upper triangular, float64 (n, n).

    Args:
        moments: symmetric positive definite (n, n), for instance from `damped`.

    Raises:
        NonFiniteError: `moments` are not positive definite.
    """
    try:  # the Cholesky factor of the matrix read backwards, read backwards, is the upper factor R
        upper = np.linalg.cholesky(np.asarray(moments, np.float64)[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError as e:
        raise NonFiniteError("the second moments of the inputs are not positive definite; use more damping") from e
    return np.ascontiguousarray(upper / np.diag(upper))


def round_rows(weights: np.ndarray, steps: np.ndarray | float, feedback: np.ndarray) -> np.ndarray:
    """Symbols int32 (rows, n) of weights (rows, n) under one step or one a row.

    The identity as feedback gives `quantize.to_symbols` to the bit. Rows are independent and there is one thread, so
    the symbols depend on nothing else.

    Raises:
        NonFiniteError: NaN or infinity in `weights`.
        SymbolError: a symbol beyond int32: the step is too small.
    """
    if not np.isfinite(weights).all():
        raise NonFiniteError("NaN or infinity cannot be quantized; encode losslessly or repair the tensor")
    out = np.empty(weights.shape, np.int32)
    each = np.ascontiguousarray(np.broadcast_to(np.asarray(steps, np.float64), weights.shape[:1]))
    round_with_feedback(np.ascontiguousarray(weights, np.float64), feedback, each, out)
    return out


def target(weights: np.ndarray, inputs: np.ndarray, cross: np.ndarray, damping: float) -> np.ndarray:
    """The weights that on inputs x' of a quantized network come nearest to `weights` on the inputs x of the float one.

    They minimize E[(W x - W' x')^2] + damping * mean(diag H) |W' - W|^2: W' = W + W (C - H) (H + damping m I)^-1.

    Args:
        weights: W (rows, n).
        inputs: H = E[x' x'^T], (n, n).
        cross: C = E[x x'^T], (n, n).
        damping: relative to the mean diagonal m of H.
    """
    pull = np.asarray(weights, np.float64) @ (cross - inputs)
    return np.asarray(weights + np.linalg.solve(damped(inputs, damping), pull.T).T)
