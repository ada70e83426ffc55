"""CANDIDATES: for a shape, the factorizations of each kind that are worth trying, from small to large."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ..errors import FactorizationError
from ..factorizations import (
    CP,
    Dense,
    Dictionary,
    Factorization,
    HierarchicalTucker,
    KMeans,
    LowRank,
    ProductQuantization,
    RandomProjection,
    SimHash,
    Sparse,
    SparseKMeans,
    TensorRing,
    TensorTrain,
    TProduct,
    Tucker2,
)
from ..fitting.ranks import break_even_rank

# (shape, row_axes as of the kinds of matrices) -> factorizations
Candidates = Callable[[tuple[int, ...], int], Iterator[Factorization]]

SHARES = (0.04, 0.08, 0.15, 0.25, 0.4, 0.6)  # of the rank at which a pair of factors has as many numbers as the weight
LEVELS = (3, 5, 9, 16, 32, 64)  # of codebooks
KEPT = (0.03, 0.06, 0.12, 0.25, 0.5)  # of pruned weights
LARGEST_MASK = 1 << 21  # atoms times rows of a dictionary; with more, learning it takes minutes


def matrix_of(shape: tuple[int, ...], row_axes: int) -> tuple[int, int]:
    """(m, n) of a shape."""
    split = row_axes or len(shape) - 1
    return math.prod(shape[:split]), math.prod(shape[split:])


def _dense(shape: tuple[int, ...], _: int) -> Iterator[Factorization]:
    yield Dense(shape)


def _low_rank(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    ranks = {max(1, round(share * break_even_rank(matrix_of(shape, row_axes)))) for share in SHARES}
    yield from (LowRank(shape, rank, row_axes) for rank in sorted(ranks))


def _dictionary(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    m, n = matrix_of(shape, row_axes)
    if m < 8:
        return
    # A code word costs about as much as its atom is large where nonzeros are a few per cent of the columns.
    for share, of_columns in ((0.06, 0.01), (0.1, 0.02), (0.15, 0.04), (0.2, 0.07), (0.3, 0.1)):
        atoms = max(2, round(share * m))
        if atoms * m > LARGEST_MASK:
            return
        yield Dictionary(shape, atoms, max(1, min(atoms, round(of_columns * n))), row_axes)


def _networks(cls: type[TensorTrain | TensorRing | HierarchicalTucker]) -> Candidates:
    def candidates(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
        most = math.isqrt(math.prod(shape))
        yield from (
            cls.with_rank(shape, max(1, round(share * most)), row_axes=row_axes)
            for share in (0.01, 0.02, 0.04, 0.08, 0.15)
        )

    return candidates


def _tucker2(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    if len(shape) > 2:
        axes = (0, 1) if row_axes else ()
        first, second = axes or (-2, -1)
        for share in (0.15, 0.25, 0.35, 0.5, 0.7):
            yield Tucker2(shape, max(1, round(share * shape[first])), max(1, round(share * shape[second])), axes)


def _cp(shape: tuple[int, ...], _: int) -> Iterator[Factorization]:
    if len(shape) > 2:
        most = math.prod(shape) // sum(shape)
        yield from (CP(shape, max(1, round(share * most))) for share in (0.05, 0.1, 0.2, 0.4))


def _t_product(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    if not row_axes and len(shape) > 2 and 1 < math.prod(shape[:-2]) <= 1024:
        yield from (TProduct(shape, max(1, round(share * min(shape[-2:])))) for share in (0.06, 0.12, 0.25, 0.4))


def _kmeans(shape: tuple[int, ...], _: int) -> Iterator[Factorization]:
    yield from (KMeans(shape, levels) for levels in LEVELS)


def _blocks(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    for levels, block in ((16, 8), (64, 8), (64, 4), (256, 4), (256, 2)):
        yield ProductQuantization(shape, levels, min(block, matrix_of(shape, row_axes)[1]), 1, row_axes)


def _sparse(shape: tuple[int, ...], _: int) -> Iterator[Factorization]:
    yield from (Sparse(shape, round(share * math.prod(shape))) for share in KEPT)


def _sparse_kmeans(shape: tuple[int, ...], _: int) -> Iterator[Factorization]:
    for share, levels in ((0.03, 4), (0.06, 4), (0.12, 8), (0.25, 8), (0.5, 16)):
        yield SparseKMeans(shape, round(share * math.prod(shape)), levels)


def _simhash(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    m = matrix_of(shape, row_axes)[0]
    yield from (SimHash(shape, max(1, round(bits * m)), 0, row_axes) for bits in (0.25, 0.5, 1, 2, 4))


def _random_projection(shape: tuple[int, ...], row_axes: int) -> Iterator[Factorization]:
    most = min(matrix_of(shape, row_axes))
    yield from (RandomProjection(shape, max(1, round(share * most)), 0, row_axes) for share in (0.1, 0.25, 0.5, 0.75))


CANDIDATES: dict[str, Candidates] = {
    "dense": _dense,
    "low_rank": _low_rank,
    "dictionary": _dictionary,
    "tensor_train": _networks(TensorTrain),
    "tensor_ring": _networks(TensorRing),
    "hierarchical_tucker": _networks(HierarchicalTucker),
    "tucker2": _tucker2,
    "cp": _cp,
    "t_product": _t_product,
    "kmeans": _kmeans,
    "product_quantization": _blocks,
    "sparse": _sparse,
    "sparse_kmeans": _sparse_kmeans,
    "simhash": _simhash,
    "random_projection": _random_projection,
}
# Tried unless others are named: cheap to fit, and on trained networks now and then the best.
USUAL = ("dense", "low_rank", "dictionary", "tensor_train", "tucker2", "kmeans", "sparse", "sparse_kmeans")


def candidates(kind: str, shape: tuple[int, ...], scan: str) -> Iterator[Factorization]:
    """The candidates of a kind that suit a shape; none where the kind does not.

    Kernels that coders see as they are have their outputs first, as torch has them: rows are then outputs.
    """
    row_axes = 1 if len(shape) > 2 and scan == "as_is" else 0
    seen = set()
    try:
        for factorization in CANDIDATES[kind](shape, row_axes):
            if factorization not in seen:
                seen.add(factorization)
                yield factorization
    except FactorizationError:  # too small a weight for this kind
        return
