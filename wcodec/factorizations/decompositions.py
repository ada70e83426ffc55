"""What most fits need: a checked weight, and its decompositions in float64, with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import FactorizationError, NonFiniteError

# From this smaller side on, a low-rank part is found by random projection: the full decomposition takes minutes.
RANDOMIZED_FROM = 2048
OVERSAMPLING = 16
POWER_ITERATIONS = 4


def checked(weight: np.ndarray, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """A float64 copy of a weight.

    Raises:
        FactorizationError: it is not of `shape`.
        NonFiniteError: NaN or infinity in it.
    """
    if weight.shape != shape:
        raise FactorizationError(f"{kind} was made for a weight of shape {shape}, this one has {weight.shape}")
    values = np.array(weight, np.float64)
    if not np.isfinite(values).all():
        raise NonFiniteError(f"NaN or infinity cannot be factored by {kind}")
    return values


def stored(weight: np.ndarray, factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fitted factors as they are handed on: integers as int32, floats as float32, or float64 of a float64 weight."""
    real = np.float64 if weight.dtype == np.float64 else np.float32
    return {name: f.astype(np.int32 if f.dtype.kind in "iub" else real) for name, f in factors.items()}


def truncated_svd(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """u (m, rank), s (rank,), vt (rank, n) of the best approximation (Eckart and Young, 1936).

    A matrix of a lower rank, or an empty one, is filled up with zeros. Of a big matrix (both sides from
    RANDOMIZED_FROM on) whose wanted part is small, the randomized decomposition of Halko, Martinsson and Tropp (2011),
    always with the same random numbers.
    """
    m, n = matrix.shape
    if min(m, n) >= RANDOMIZED_FROM and 4 * (rank + OVERSAMPLING) < min(m, n):
        u, s, vt = _randomized_svd(matrix, rank)
    else:
        u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    u, s, vt = u[:, :rank], s[:rank], vt[:rank]
    missing = rank - s.size
    return np.pad(u, ((0, 0), (0, missing))), np.pad(s, (0, missing)), np.pad(vt, ((0, missing), (0, 0)))


def _randomized_svd(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sketch = np.random.default_rng(0).normal(size=(matrix.shape[1], rank + OVERSAMPLING))
    basis = np.linalg.qr(matrix @ sketch)[0]
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
    u, s, vt = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return basis @ u, s, vt


def balanced_pair(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """left (m, rank) and right (rank, n) of the best product, each with the square roots of the singular values."""
    u, s, vt = truncated_svd(matrix, rank)
    root = np.sqrt(s)
    return u * root, root[:, None] * vt


def padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A matrix with zeros below and to the right of it up to (rows, columns)."""
    return np.pad(matrix, ((0, rows - matrix.shape[0]), (0, columns - matrix.shape[1])))


def two_sided_basis(
    tensor: np.ndarray, axes: tuple[int, int], ranks: tuple[int, int], iterations: int = 50
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tucker decomposition along two axes: (core, first (n_a, r_a), second (n_b, r_b)), columns orthonormal.

    Starts with the higher-order SVD and improves it by higher-order orthogonal iteration (De Lathauwer, De Moor and
    Vandewalle, 2000): each side in turn is the best one for the other, so the error never rises.
    """
    first = _leading(tensor, axes[0], ranks[0])
    second = _leading(tensor, axes[1], ranks[1])
    energy = -1.0
    for _ in range(iterations):
        first = _leading(_project(tensor, axes[1], second), axes[0], ranks[0])
        second = _leading(_project(tensor, axes[0], first), axes[1], ranks[1])
        core = _project(_project(tensor, axes[0], first), axes[1], second)
        if np.square(core).sum() <= energy * (1 + 1e-8):
            break
        energy = float(np.square(core).sum())
    return core, first, second


def _leading(tensor: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Leading left singular vectors (n_axis, rank) of the unfolding along an axis."""
    rows = np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], tensor.size // max(1, tensor.shape[axis]))
    if rows.shape[1] <= rows.shape[0] or not rows.size:
        return truncated_svd(rows, rank)[0]
    return np.asarray(np.linalg.eigh(rows @ rows.T)[1][:, ::-1][:, :rank])  # eigenvalues ascend


def _project(tensor: np.ndarray, axis: int, basis: np.ndarray) -> np.ndarray:
    """tensor x_axis basis^T: the axis of extent n becomes one of extent r."""
    return np.moveaxis(np.tensordot(tensor, basis, axes=(axis, 0)), -1, axis)
