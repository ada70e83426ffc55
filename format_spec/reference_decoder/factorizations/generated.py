"""simhash and random_projection: one factor is generated from a seed."""

from __future__ import annotations

import numpy as np

from ..errors import FACTORIZATION, require
from ..records import Record
from .kind import Kind, between
from .masks_and_indices import require_bits


def generated(seed: int, rows: int, columns: int) -> np.ndarray:
    """The generated matrix (rows, columns), float32 whole numbers."""
    matrix, most = np.empty(rows * columns, np.float32), (1 << 64) - 1
    for i in range(rows * columns):
        z = seed + (i + 1) * 0x9E3779B97F4A7C15 & most
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & most
        z = (z ^ z >> 27) * 0x94D049BB133111EB & most
        matrix[i] = (z ^ z >> 31).bit_count() - 32
    return matrix.reshape(rows, columns)


def shapes_simhash(r: Record) -> tuple:
    between(r.bits, 1 << 19, "simhash bits")
    require(0 <= r.seed < 1 << 32, FACTORIZATION, "simhash seed")
    return {"signs": (r.bits, r.n), "scales": (r.n,)}, {}, {"signs"}


def rebuild_simhash(r: Record, signs: np.ndarray, scales: np.ndarray) -> np.ndarray:
    require_bits(signs)
    return generated(r.seed, r.m, r.bits) @ (2 * signs - 1).astype(np.float32) * scales


def shapes_random_projection(r: Record) -> tuple:
    between(r.rank, min(r.m, r.n), "random_projection rank")
    require(0 <= r.seed < 1 << 32, FACTORIZATION, "random_projection seed")
    return {"right": (r.rank, r.n)}, {}, set()


KINDS = {
    13: Kind("bits seed=0 row_axes=0", shapes_simhash, rebuild_simhash),
    14: Kind(
        "rank seed=0 row_axes=0",
        shapes_random_projection,
        lambda r, right: generated(r.seed, r.m, r.rank) @ right,
    ),
}
