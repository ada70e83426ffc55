"""Ranks of matrices: one name for each way of saying how large, and the formulas of graph_compression.

`rank` is the rank itself, `rank_percent` a share of the full rank, `ratio` the quotient of elements, original over
factored. graph_compression calls all of them rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import FactorizationError
from .low_rank import LowRank


def matrix_rank(
    m: int, n: int, *, rank: int | None = None, rank_percent: float | None = None, ratio: float | None = None
) -> int:
    """The rank, in 1..min(m, n), of factors (m, rank) and (rank, n).

    Args:
        m: rows of the matrix.
        n: its columns.
        rank: the rank itself, at most min(m, n).
        rank_percent: of min(m, n), rounded up.
        ratio: the largest rank k with m * n >= ratio * (m * k + k * n).

    Raises:
        FactorizationError: not exactly one of the three, or a value that no rank fits.
    """
    if [rank, rank_percent, ratio].count(None) != 2:
        raise FactorizationError("one of rank, rank_percent and ratio is needed, and only one")
    full = min(m, n)
    if ratio is not None:
        if not ratio > 0:
            raise FactorizationError(f"ratio is a number > 0, not {ratio}")
        chosen = min(full, math.floor(m * n / (ratio * (m + n))))
    elif rank_percent is not None:
        chosen = math.ceil(full * rank_percent / 100)
    else:
        chosen = rank or 0
    if not 1 <= chosen <= full:
        raise FactorizationError(f"rank {chosen} is not in 1..{full} for a matrix {m} x {n}")
    return chosen


def low_rank(
    *, rank: int | None = None, rank_percent: float | None = None, ratio: float | None = None
) -> Callable[[tuple[int, ...]], LowRank]:
    """A function from a shape to LowRank, for `factorizations=`; arguments as for `matrix_rank`."""

    def factory(shape: tuple[int, ...]) -> LowRank:
        m, n = math.prod(shape[:-1]), shape[-1]
        return LowRank(shape, matrix_rank(m, n, rank=rank, rank_percent=rank_percent, ratio=ratio))

    return factory


def graph_compression_rank(m: int, n: int, r: float) -> int:
    """The rank that graph_compression's low-rank code makes of its `rank` r: min(m, n, ceil(min(m, n) * 100 / r))."""
    return min(m, n, math.ceil(min(m, n) * 100 / r))


def graph_compression_documented_rank(m: int, n: int, r: int) -> int:
    """What its README says, and its simhash does: min(m, n) * 100 // r + 1."""
    return min(m, n) * 100 // r + 1
