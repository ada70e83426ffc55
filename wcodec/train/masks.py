"""Which weights stay: masks from scores, exact in their number and the same on every machine.

A mask is a boolean array, True where a weight is kept. Ties are broken by position: of equal scores the earlier in
row-major order is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

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


class Grid(NamedTuple):
    """How blocks lie on a weight that is a matrix but for axes of length 1.

    Attributes:
        rows: extent of the matrix.
        columns: extent of the matrix.
        row_axes: how many axes of the weight make the rows.
        height: of a block; the lowest ones may reach over the edge.
        width: of a block.
    """

    rows: int
    columns: int
    row_axes: int
    height: int
    width: int

    @classmethod
    def of(cls, shape: tuple[int, ...], block: tuple[int, int]) -> Grid:
        """The blocks (height, width), -1 for the whole axis, of a weight.

        Raises:
            OptionError: the weight has not just two axes longer than 1, or a side of a block is below 1.
        """
        if not is_matrix(shape):
            raise OptionError(f"blocks are cut from matrices; a weight of shape {shape} is not one")
        rows, columns = [n for n in shape if n > 1]
        height, width = (
            n if extent == WHOLE_AXIS else extent for extent, n in zip(block, (rows, columns), strict=True)
        )
        if height < 1 or width < 1:
            raise OptionError(f"a block is (height, width) >= 1, or -1 for the whole axis, not {block}")
        return cls(
            rows, columns, 1 + next(i for i, n in enumerate(shape) if n > 1), min(height, rows), min(width, columns)
        )


def is_matrix(shape: tuple[int, ...]) -> bool:
    """Whether just two axes are longer than 1, which is what contrib's squeeze leaves a matrix of."""
    return sum(n > 1 for n in shape) == 2


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
    grid = Grid.of(scores.shape, block)
    return _expanded(exact_mask(_pooled_on(grid, scores, pooling), sparsity), grid, scores.shape)


def _pooled_on(grid: Grid, scores: np.ndarray, pooling: str) -> np.ndarray:
    """A score a block, (rows of blocks, columns of blocks) float64."""
    matrix = scores.reshape(grid.rows, grid.columns).astype(np.float64)
    return _pooled(matrix, grid.height, grid.width, pooling)


def _expanded(kept: np.ndarray, grid: Grid, shape: tuple[int, ...]) -> np.ndarray:
    """A mask of blocks as one of weights."""
    cells = np.kron(kept, np.ones((grid.height, grid.width), bool))
    return cells[: grid.rows, : grid.columns].astype(bool).reshape(shape)


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


@runtime_checkable
class CellStructure(Structure, Protocol):
    """One whose masks keep or drop cells by one score each, so that weights can be pruned together."""

    def pooled(self, scores: np.ndarray) -> np.ndarray:
        """The score of every cell, any shape."""

    def expanded(self, kept: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The mask of a weight of `shape` from the cells that are kept, shaped as `pooled` gives them."""


def group_masks(
    scores: Sequence[np.ndarray], structures: Sequence[CellStructure], sparsity: float
) -> list[tuple[np.ndarray, float]]:
    """Masks and thresholds of several weights whose cells compete with one another: `sparsity` is that of all of them.

    Args:
        scores: of each weight, >= 0.
        structures: of the mask of each weight.
        sparsity: share of cells that are dropped.
    """
    pooled = [structure.pooled(s) for structure, s in zip(structures, scores, strict=True)]
    kept = exact_mask(np.concatenate([cells.ravel() for cells in pooled]), sparsity)
    parts = np.split(kept, np.cumsum([cells.size for cells in pooled])[:-1])
    return [
        _with_threshold(s, structure.expanded(part.reshape(cells.shape), s.shape))
        for structure, s, cells, part in zip(structures, scores, pooled, parts, strict=True)
    ]


@dataclass(frozen=True)
class Elements:
    """Single weights, exactly as many as the sparsity says."""

    def pooled(self, scores: np.ndarray) -> np.ndarray:
        """See CellStructure: the scores themselves."""
        return scores

    def expanded(self, kept: np.ndarray, _shape: tuple[int, ...]) -> np.ndarray:
        """See CellStructure."""
        return kept

    def mask(self, scores: np.ndarray, sparsity: float, _threshold: float) -> tuple[np.ndarray, float]:
        """See Structure; the threshold is the smallest score that is kept."""
        return _with_threshold(scores, exact_mask(scores, sparsity))


@dataclass(frozen=True)
class Blocks:
    """Whole blocks of matrices (`block_mask`); of weights that are no matrices single weights, as in the originals."""

    height: int
    width: int
    pooling: str = "AVG"

    def __post_init__(self) -> None:
        if self.pooling not in POOLING:
            raise OptionError(f"block pooling {self.pooling!r} is not one of {', '.join(POOLING)}")

    def grid(self, shape: tuple[int, ...]) -> Grid | None:
        """How the blocks lie on a weight; None where it is no matrix."""
        return Grid.of(shape, (self.height, self.width)) if is_matrix(shape) else None

    def pooled(self, scores: np.ndarray) -> np.ndarray:
        """See CellStructure: means or maxima of blocks."""
        grid = self.grid(scores.shape)
        return scores if grid is None else _pooled_on(grid, scores, self.pooling)

    def expanded(self, kept: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """See CellStructure."""
        grid = self.grid(shape)
        return kept if grid is None else _expanded(kept, grid, shape)

    def mask(self, scores: np.ndarray, sparsity: float, _threshold: float) -> tuple[np.ndarray, float]:
        """See Structure."""
        return group_masks([scores], [self], sparsity)[0]


@dataclass(frozen=True)
class MByN:
    """`zeros` of every `group` consecutive inputs (`m_by_n_mask`), as soon as the schedule asks for any sparsity."""

    zeros: int
    group: int

    def __post_init__(self) -> None:
        if not 0 < self.zeros < self.group:
            raise OptionError(f"{self.zeros} zeros of every {self.group} inputs: at least one, and fewer than all")

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
