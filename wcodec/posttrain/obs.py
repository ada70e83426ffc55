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

from dataclasses import dataclass

import numpy as np

from .. import backend
from ..errors import NonFiniteError

if backend.NAME == "native":
    from .._posttrain import round_with_feedback, search_with_feedback
else:
    from .reference import round_with_feedback, search_with_feedback

MOST_COUNTED = 1 << 12  # larger magnitudes count as this one when bits are estimated


@dataclass(frozen=True)
class Factor:
    """H = R R^T, as the quantizer uses it.

    Attributes:
        feedback: R_ic / R_cc, the share of column i's error that column c takes over; unit upper triangular (n, n).
        variances: R_cc^2 (n,), what a squared error of column c costs: the variance of that input given those after it.
    """

    feedback: np.ndarray
    variances: np.ndarray


@dataclass(frozen=True)
class Rounding:
    """How hard the symbols of a row are searched for.

    Attributes:
        paths: beginnings of a row that are kept, 1 to 64; 1 takes the nearest symbol each time. Time grows with it.
        rate: what a bit costs, in squared steps of a column of geometric mean variance; the bits are those of the
            matrix's own histogram. 0 looks at the error alone.
    """

    paths: int = 8
    rate: float = 0.0


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


def factored(moments: np.ndarray) -> Factor:
    """The upper factor of second moments.

    Args:
        moments: symmetric positive definite (n, n), for instance from `damped`.

    Raises:
        NonFiniteError: `moments` are not positive definite.
    """
    try:  # the Cholesky factor of the matrix read backwards, read backwards, is the upper factor R
        upper = np.linalg.cholesky(np.asarray(moments, np.float64)[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError as e:
        raise NonFiniteError("the second moments of the inputs are not positive definite; use more damping") from e
    diagonal = np.diag(upper)
    return Factor(np.ascontiguousarray(upper / diagonal), np.square(diagonal))


def search_rows(weights: np.ndarray, steps: np.ndarray | float, factor: Factor, rounding: Rounding) -> np.ndarray:
    """Symbols int32 (rows, n) of weights (rows, n) under one step or one a row, by the M-algorithm.

    The best of the `rounding.paths` beginnings of a row that are kept from column to column. A diagonal H gives
    `quantize.to_symbols` to the bit, whatever the number of paths, unless bits cost.

    Raises:
        NonFiniteError, SymbolError: as `round_rows`.
    """
    plain = round_rows(weights, steps, factor.feedback)
    if rounding.paths == 1 and rounding.rate == 0:
        return plain
    out = np.empty(weights.shape, np.int32)
    importance = np.exp(np.log(factor.variances) - np.mean(np.log(factor.variances)))
    search_with_feedback(
        np.ascontiguousarray(weights, np.float64), factor.feedback, _each_row(steps, len(weights)), importance,
        rounding.rate, code_lengths(plain), rounding.paths, out,
    )  # fmt: skip
    return out


def code_lengths(symbols: np.ndarray) -> np.ndarray:
    """Ideal code length in bits of a symbol by its magnitude 0, 1, ..., signs apart, from how often each occurs."""
    counts = np.bincount(np.minimum(np.abs(symbols.ravel()), MOST_COUNTED).astype(np.int64), minlength=2) + 0.5
    bits = np.log2(counts.sum() / counts)
    bits[1:] += 1  # the sign
    return np.ascontiguousarray(bits)


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
    round_with_feedback(np.ascontiguousarray(weights, np.float64), feedback, _each_row(steps, len(weights)), out)
    return out


def _each_row(steps: np.ndarray | float, rows: int) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(steps, np.float64), (rows,)))


def target(
    weights: np.ndarray, inputs: np.ndarray, cross: np.ndarray, damping: float, carried: np.ndarray | float = 0.0
) -> np.ndarray:
    """The weights that on inputs x' of a quantized network come nearest to `weights` on the inputs x of the float one.

    They minimize E[(W x + r - W' x')^2] + damping * mean(diag H) |W' - W|^2, where r is an error that will be added to
    the output: W' = W + (W (C - H) + S) (H + damping m I)^-1.

    Args:
        weights: W (rows, n).
        inputs: H = E[x' x'^T], (n, n).
        cross: C = E[x x'^T], (n, n).
        damping: relative to the mean diagonal m of H.
        carried: S = E[r x'^T], (rows, n); 0 where nothing is added.
    """
    pull = np.asarray(weights, np.float64) @ (cross - inputs) + carried
    return np.asarray(weights + np.linalg.solve(damped(inputs, damping), pull.T).T)
