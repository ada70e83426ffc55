"""Canonical polyadic decomposition by alternating least squares."""

from __future__ import annotations

import numpy as np

ITERATIONS = 200


def cp_factors(tensor: np.ndarray, rank: int) -> list[np.ndarray]:
    """Factors (n_a, rank), one an axis, each with the same share of the size of a term.

    Args:
        tensor: finite float64, not all zero.
        rank: number of terms.
    """
    from tensorly.decomposition import parafac  # extra: factor

    weights, factors = parafac(
        tensor, rank, n_iter_max=ITERATIONS, init="random", random_state=0, normalize_factors=True
    )
    share = np.abs(weights) ** (1 / len(factors))
    return [factors[0] * share * np.sign(weights), *(factor * share for factor in factors[1:])]
