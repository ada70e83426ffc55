"""Rank rules: one name, one meaning. And the formulas of the originals, by which their settings translate."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError


def rank_of(
    shape: tuple[int, int], *, rank: int | None = None, rank_percent: float | None = None, ratio: float | None = None
) -> int:
    """Rank of a pair (m, rank), (rank, n) that stands for a matrix; exactly one of the three says it.

    Args:
        shape: (m, n).
        rank: itself, 1 to min(m, n).
        rank_percent: of the full rank min(m, n), above 0 to 100; rounded up.
        ratio: numbers of the matrix over numbers of the pair; the largest rank that reaches it, at least 1.

    Raises:
        OptionError: none or several given, or out of range.
    """
    m, n = shape
    options = {"rank": rank, "rank_percent": rank_percent, "ratio": ratio}
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        raise OptionError(f"give one of rank, rank_percent and ratio, not {' and '.join(given) or 'none'}")
    full = min(m, n)
    if rank is not None:
        if not 1 <= rank <= full:
            raise OptionError(f"rank {rank} is not in 1..{full}, the full rank of {m} x {n}")
        return rank
    if rank_percent is not None:
        if not 0 < rank_percent <= 100:
            raise OptionError(f"rank_percent {rank_percent} is not above 0 and at most 100")
        return max(1, int(np.ceil(full * rank_percent / 100 - 1e-9)))
    if ratio is None or ratio <= 0:
        raise OptionError(f"ratio {ratio} is not positive")
    return max(1, min(full, int(m * n / (ratio * (m + n)) + 1e-9)))


def break_even_rank(shape: tuple[int, int]) -> int:
    """The largest rank whose pair has fewer numbers than the matrix (m, n); 0 where none has."""
    m, n = shape
    return max(0, (m * n - 1) // (m + n))


def graph_compression_rank(shape: tuple[int, int], r: int) -> int:
    """What graph_compression's low-rank code makes of its hyperparameter: min(m, n, ceil(100 min(m, n) / r)).

    So r is no rank: 100 is the full one, 200 half of it, 300 a third.
    """
    full = min(shape)
    return min(full, -(-full * 100 // r))


def graph_compression_readme_rank(shape: tuple[int, int], r: int) -> int:
    """What its README says, and its simhash does: floor(100 min(m, n) / r) + 1."""
    return min(shape) * 100 // r + 1


def evbmf_rank(matrix: np.ndarray) -> int:
    """Number of singular values that are not noise, at least 1.

    The global analytic solution of empirical variational Bayesian matrix factorization with unknown noise variance
    (Nakajima, Sugiyama, Babacan and Tomioka, 2013, JMLR 14), as Kim et al. (2016) choose the ranks of Tucker-2.

    Args:
        matrix: (m, n) finite floats; unfold a kernel along the axis whose rank is wanted.
    """
    from scipy.optimize import minimize_scalar  # extra: factor

    matrix = np.asarray(matrix, np.float64)
    short, long = sorted(matrix.shape)
    squares = np.square(np.linalg.svd(matrix, compute_uv=False))
    if not squares.any():
        return 1
    alpha = short / long
    tau = 2.5129 * np.sqrt(alpha)
    edge = (1 + tau) * (1 + alpha / tau)  # of noise alone, in units of its variance times `long`
    noise = squares[min(int(np.ceil(short / (1 + alpha))) - 1, short - 1) :]  # so many are noise in any case
    high = squares.sum() / (short * long)
    low = max(noise[0] / (long * edge), noise.mean() / long, 1e-12 * high)
    found = minimize_scalar(
        _free_energy, args=(squares / long, alpha, edge), bounds=sorted((low, high)), method="bounded"
    )
    return max(1, int((squares > long * found.x * edge).sum()))


def _free_energy(variance: float, squares: np.ndarray, alpha: float, edge: float) -> float:
    """The free energy up to constants (equation 28 of the paper) as a function of the noise variance."""
    x = squares / variance
    signal, noise = x[x > edge], x[x <= edge]
    shifted = signal - (1 + alpha)
    tau = (shifted + np.sqrt(np.maximum(np.square(shifted) - 4 * alpha, 0))) / 2
    of_noise = np.sum(noise - np.log(np.maximum(noise, 1e-300)))
    return float(of_noise + np.sum(signal - tau + np.log((tau + 1) / signal) + alpha * np.log(tau / alpha + 1)))
