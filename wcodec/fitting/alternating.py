"""Canonical polyadic decomposition by alternating least squares.

With numpy alone: tensorly's `parafac` takes a minute for the kernels that this factors in a second.
"""

from __future__ import annotations

import numpy as np

ITERATIONS = 200
STARTS = 2  # the best of several random starts: the problem has local minima
# Damps what would otherwise grow without bound where a tensor has no best approximation (de Silva and Lim, 2008).
DAMPING = 1e-9
SMALLEST_GAIN = 1e-7


def cp_factors(tensor: np.ndarray, rank: int) -> list[np.ndarray]:
    """Factors (n_a, rank), one an axis, each with the same share of the size of a term.

    Args:
        tensor: finite float64, not all zero.
        rank: number of terms.
    """
    scale = float(np.linalg.norm(tensor))
    found = [_descend(tensor / scale, rank, np.random.default_rng(seed)) for seed in range(STARTS)]
    factors = min(found, key=lambda pair: pair[0])[1]
    lengths = [np.linalg.norm(factor, axis=0) for factor in factors]
    share = (scale * np.prod(lengths, axis=0)) ** (1 / len(factors))
    return [factor * (share / np.where(n > 0, n, 1.0)) for factor, n in zip(factors, lengths, strict=True)]


def _descend(tensor: np.ndarray, rank: int, rng: np.random.Generator) -> tuple[float, list[np.ndarray]]:
    """Squared error and factors of a tensor of norm 1 from one random start."""
    factors = [rng.normal(size=(extent, rank)) for extent in tensor.shape]
    grams = [factor.T @ factor for factor in factors]
    error = np.inf
    for _ in range(ITERATIONS):
        for axis in range(tensor.ndim):
            projected = _project(tensor, factors, axis)  # (n_a, rank)
            gram = np.prod([g for other, g in enumerate(grams) if other != axis], axis=0)
            damped = gram + DAMPING * (np.trace(gram) / rank) * np.eye(rank)
            factors[axis] = np.linalg.solve(damped, projected.T).T
            if axis < tensor.ndim - 1:
                factors[axis] /= np.maximum(np.linalg.norm(factors[axis], axis=0), 1e-300)
            grams[axis] = factors[axis].T @ factors[axis]
        before = error
        error = max(0.0, float(1 - 2 * np.sum(projected * factors[-1]) + np.prod(grams, axis=0).sum()))
        if before - error < SMALLEST_GAIN * error:
            break
    return error, factors


def _project(tensor: np.ndarray, factors: list[np.ndarray], axis: int) -> np.ndarray:
    """(n_a, rank): the tensor contracted with the terms of all other axes."""
    last = tensor.reshape(-1, tensor.shape[-1])
    if axis == tensor.ndim - 1:
        return np.asarray(last.T @ _khatri_rao(factors[:-1]))
    part = (last @ factors[-1]).reshape(*tensor.shape[:-1], factors[0].shape[1])
    for other in range(tensor.ndim - 2, axis, -1):
        part = np.einsum("...ns,ns->...s", part, factors[other])
    for other in range(axis):
        part = np.einsum("n...s,ns->...s", part, factors[other])
    return np.asarray(part)


def _khatri_rao(factors: list[np.ndarray]) -> np.ndarray:
    product = factors[0]
    for factor in factors[1:]:
        product = (product[:, None] * factor).reshape(-1, factor.shape[1])
    return product
