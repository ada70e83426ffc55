"""Which weights stay: masks from scores, exact in their number and the same on every machine.

A mask is a boolean array, True where a weight is kept. Ties are broken by position: of equal scores the earlier in
row-major order is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..errors import OptionError

POOLING = ("AVG", "MAX")
WHOLE_AXIS = -1  # as an extent of a block


def kept_count(elements: int, sparsity: float) -> int:
    """How many of `elements` a sparsity leaves: elements * (1 - sparsity) to the nearest integer, halves to even."""
    return round(elements * (1.0 - sparsity))


def exact_mask(scores: np.ndarray, sparsity: float) -> np.ndarray:
    """The `kept_count` largest scores, any shape; the share of zeros is off by 1 / (2 * scores.size) at most."""
    count = kept_count(scores.size, sparsity)
    flat = scores.ravel()
    mask = np.zeros(flat.size, bool)
    if count:
        threshold = np.partition(flat, flat.size - count)[flat.size - count]
        mask[flat > threshold] = True
        ties = np.flatnonzero(flat == threshold)
        mask[ties[: count - int(mask.sum())]] = True
    return mask.reshape(scores.shape)


def block_mask(scores: np.ndarray, sparsity: float, block: tuple[int, int], pooling: str = "AVG") -> np.ndarray:
    """Keep or drop whole blocks of a matrix, by the mean or the largest of their scores.

    Blocks that reach over the edge are pooled over the cells they have. Every block counts as one: the share of zero
    *blocks* is exact, that of zero weights deviates where edge blocks are smaller.

    Args:
        scores: two axes longer than 1; axes of length 1 are ignored, as contrib's squeeze does.
        sparsity: share of blocks that are dropped.
        block: (height, width); -1 is the whole axis.
        pooling: "AVG" or "MAX".
    """
    if pooling not in POOLING:
        raise OptionError(f"block pooling {pooling!r} is not one of {', '.join(POOLING)}")
    matrix = scores.reshape([n for n in scores.shape if n > 1] or [1, 1])
    if matrix.ndim != 2:
        raise OptionError(f"blocks are cut from matrices; a weight of shape {scores.shape} is not one")
    height, width = (n if extent == WHOLE_AXIS else extent for extent, n in zip(block, matrix.shape, strict=True))
    if height < 1 or width < 1:
        raise OptionError(f"a block is (height, width) >= 1, or -1 for the whole axis, not {block}")
    pooled = _pooled(matrix.astype(np.float64), height, width, pooling)
    kept = exact_mask(pooled, sparsity)
    expanded = np.kron(kept, np.ones((height, width), bool))[: matrix.shape[0], : matrix.shape[1]]
    return expanded.astype(bool).reshape(scores.shape)


def _pooled(matrix: np.ndarray, height: int, width: int, pooling: str) -> np.ndarray:
    """Mean or largest of every block, (rows of blocks, columns of blocks)."""
    rows, columns = np.arange(0, matrix.shape[0], height), np.arange(0, matrix.shape[1], width)
    if pooling == "MAX":
        return np.asarray(np.maximum.reduceat(np.maximum.reduceat(matrix, rows, axis=0), columns, axis=1))
    cells = np.outer(np.diff(rows, append=matrix.shape[0]), np.diff(columns, append=matrix.shape[1]))
    total: np.ndarray = np.add.reduceat(np.add.reduceat(matrix, rows, axis=0), columns, axis=1)
    return np.asarray(total / cells)


def m_by_n_mask(scores: np.ndarray, zeros: int, group: int) -> np.ndarray:
    """Drop the `zeros` smallest scores of every `group` consecutive inputs of each output (TFMOT's m by n).

    Inputs are all axes but the last, flattened: the columns that a sparse matrix product runs along. Of a shorter
    group at the end, the same number of weights is kept as of a full one, so it may hold fewer zeros.
    """
    if not 0 <= zeros < group:
        raise OptionError(f"of {group} weights, {zeros} cannot be zero")
    if scores.ndim < 2:
        raise OptionError(f"m by n needs inputs and outputs; a weight of shape {scores.shape} has not")
    columns = scores.reshape(-1, scores.shape[-1]).T  # (out, in)
    groups = math.ceil(columns.shape[1] / group)
    padded = np.full((columns.shape[0], groups * group), -np.inf)
    padded[:, : columns.shape[1]] = columns
    cells = padded.reshape(-1, group)
    order = np.argsort(-cells, axis=1, kind="stable")
    mask = np.zeros(cells.shape, bool)
    np.put_along_axis(mask, order[:, : group - zeros], True, axis=1)
    return mask.reshape(padded.shape)[:, : columns.shape[1]].T.reshape(scores.shape)


class Structure(Protocol):
    """What a mask looks like: single weights, blocks, m by n."""

    def mask(self, scores: np.ndarray, sparsity: float, threshold: float) -> tuple[np.ndarray, float]:
        """A mask for scores >= 0, and a threshold.

        Args:
            scores: of the weight's shape.
            sparsity: share of zeros.
            threshold: the one that the last update of this weight returned, 0 before the first.
        """


@dataclass(frozen=True)
class Elements:
    """Single weights, exactly as many as the sparsity says."""

    def mask(self, scores: np.ndarray, sparsity: float, _threshold: float) -> tuple[np.ndarray, float]:
        """See Structure; the threshold is the smallest score that is kept."""
        return _with_threshold(scores, exact_mask(scores, sparsity))


@dataclass(frozen=True)
class Blocks:
    """Whole blocks of matrices (`block_mask`); of weights that are no matrices single weights, as in the originals."""

    height: int
    width: int
    pooling: str = "AVG"

    def mask(self, scores: np.ndarray, sparsity: float, _threshold: float) -> tuple[np.ndarray, float]:
        """See Structure."""
        if sum(n > 1 for n in scores.shape) != 2:
            return _with_threshold(scores, exact_mask(scores, sparsity))
        return _with_threshold(scores, block_mask(scores, sparsity, (self.height, self.width), self.pooling))


@dataclass(frozen=True)
class MByN:
    """`zeros` of every `group` consecutive inputs (`m_by_n_mask`), as soon as the schedule asks for any sparsity."""

    zeros: int
    group: int

    def mask(self, scores: np.ndarray, sparsity: float, _threshold: float) -> tuple[np.ndarray, float]:
        """See Structure."""
        mask = m_by_n_mask(scores, self.zeros, self.group) if sparsity > 0 else np.ones(scores.shape, bool)
        return _with_threshold(scores, mask)


@dataclass(frozen=True)
class Histogram:
    """The threshold of contrib model_pruning of 2018, by name, to repeat its results.

    It rounds to bins and is smoothed from 0, so that it stays below the sparsity asked for: with the defaults a
    target of 50 % ends near 40 %. `Elements` does what was asked.

    Attributes:
        nbins: bins between 0 and the largest score.
        decay: share of the old threshold in the new one.
    """

    nbins: int = 255
    decay: float = 0.9

    def mask(self, scores: np.ndarray, sparsity: float, threshold: float) -> tuple[np.ndarray, float]:
        """See Structure: what exceeds (1 - decay) * (share of bins with cdf < sparsity) * max + decay * threshold."""
        peak = float(scores.max(initial=0.0))
        below = 0
        if peak > 0:
            counts, _ = np.histogram(scores, self.nbins, (0.0, peak))
            below = int((np.cumsum(counts) / scores.size < sparsity).sum())
        smoothed = (1 - self.decay) * below / self.nbins * peak + self.decay * threshold
        return scores > smoothed, smoothed


def _with_threshold(scores: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, float]:
    return mask, float(scores[mask].min()) if mask.any() else math.inf


STRUCTURES: dict[str, type[Structure]] = {cls.__name__: cls for cls in (Elements, Blocks, MByN, Histogram)}
