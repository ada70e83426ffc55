"""kmeans, sparse, dictionary, product_quantization, sparse_kmeans and block_sparse: integers choose among values."""

from __future__ import annotations

import math

import numpy as np

from ..errors import FACTORIZATION, require
from ..records import Record
from .kind import Kind, between, ceil_div


def shapes_kmeans(r: Record) -> tuple:
    between(r.levels, 65536, "kmeans levels")
    return {"codebook": (r.levels,), "index": r.shape}, {}, {"index"}


def rebuild_kmeans(record: Record, codebook: np.ndarray, index: np.ndarray) -> np.ndarray:
    require_index(index, record)
    return codebook[index]


def require_index(index: np.ndarray, record: Record) -> None:
    require(((index >= 0) & (index < record.levels)).all(), FACTORIZATION, "an index beyond the codebook")


def shapes_sparse(r: Record) -> tuple:
    require(0 <= r.count <= math.prod(r.shape), FACTORIZATION, "sparse count")
    return {"mask": r.shape, "values": (r.count,)}, {}, {"mask"}


def rebuild_sparse(record: Record, mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    require_bits(mask)
    require(mask.sum() == record.count, FACTORIZATION, "a mask of another count")
    weight = np.zeros(record.shape, values.dtype).reshape(-1)
    weight[mask.reshape(-1) == 1] = values
    return weight


def require_bits(mask: np.ndarray) -> None:
    require(((mask == 0) | (mask == 1)).all(), FACTORIZATION, "a mask holds 0 and 1")


def shapes_dictionary(r: Record) -> tuple:
    between(r.atoms, r.m, "dictionary atoms")
    between(r.nonzeros, r.atoms, "dictionary nonzeros")
    return {"mask": (r.m, r.atoms), "coefficients": (r.m, r.nonzeros), "atoms": (r.atoms, r.n)}, {}, {"mask"}


def rebuild_dictionary(r: Record, mask: np.ndarray, coefficients: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    require_bits(mask)
    require((mask.sum(axis=1) <= r.nonzeros).all(), FACTORIZATION, "a row with more ones than coefficients")
    codes = np.zeros(mask.shape, coefficients.dtype)
    for i, row in enumerate(mask):
        places = np.flatnonzero(row)
        codes[i, places] = coefficients[i, : len(places)]
    return codes @ atoms


def shapes_product_quantization(r: Record) -> tuple:
    between(r.levels, 65536, "product_quantization levels")
    between(r.block, r.n, "product_quantization block")
    r.places = ceil_div(r.n, r.block)
    between(r.codebooks, r.places, "product_quantization codebooks")
    return {"codebook": (r.codebooks, r.levels, r.block), "index": (r.m, r.places)}, {}, {"index"}


def rebuild_product_quantization(r: Record, codebook: np.ndarray, index: np.ndarray) -> np.ndarray:
    require_index(index, r)
    weight = np.zeros((r.m, r.places * r.block), codebook.dtype)
    for p in range(r.places):
        entries = codebook[p * r.codebooks // r.places]
        weight[:, p * r.block : (p + 1) * r.block] = entries[index[:, p]]
    return weight


def shapes_sparse_kmeans(r: Record) -> tuple:
    require(0 <= r.count <= math.prod(r.shape), FACTORIZATION, "sparse_kmeans count")
    between(r.levels, 65536, "sparse_kmeans levels")
    return {"codebook": (r.levels,), "mask": r.shape, "index": (r.count,)}, {}, {"mask", "index"}


def rebuild_sparse_kmeans(r: Record, codebook: np.ndarray, mask: np.ndarray, index: np.ndarray) -> np.ndarray:
    require_index(index, r)
    return rebuild_sparse(r, mask, codebook[index])


def shapes_block_sparse(r: Record) -> tuple:
    between(r.height, r.m, "block_sparse height")
    between(r.width, r.n, "block_sparse width")
    grid = (ceil_div(r.m, r.height), ceil_div(r.n, r.width))
    require(0 <= r.count <= math.prod(grid), FACTORIZATION, "block_sparse count")
    return {"mask": grid, "values": (r.count, r.height, r.width)}, {}, {"mask"}


def rebuild_block_sparse(r: Record, mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    require_bits(mask)
    require(mask.sum() == r.count, FACTORIZATION, "a mask of another count")
    padded = np.zeros((mask.shape[0] * r.height, mask.shape[1] * r.width), values.dtype)
    for (a, b), block in zip(np.argwhere(mask == 1), values, strict=True):
        padded[a * r.height : (a + 1) * r.height, b * r.width : (b + 1) * r.width] = block
    return padded[: r.m, : r.n]


KINDS = {
    3: Kind("levels", shapes_kmeans, rebuild_kmeans),
    4: Kind("count", shapes_sparse, rebuild_sparse),
    5: Kind("atoms nonzeros row_axes=0", shapes_dictionary, rebuild_dictionary),
    11: Kind("levels block codebooks=1 row_axes=0", shapes_product_quantization, rebuild_product_quantization),
    12: Kind("count levels", shapes_sparse_kmeans, rebuild_sparse_kmeans),
    30: Kind("height width count row_axes=0", shapes_block_sparse, rebuild_block_sparse),
}
