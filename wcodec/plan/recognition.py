"""Recognising weights that were pruned or clustered before they came here: many zeros, few distinct values.

Such a weight is a mask and its values, or a codebook and an index, whoever made it (TFMOT, torch, Deep Compression).
Written as that it is smaller, and a clustered one is exact besides. Which form is the smallest is measured.
"""

from __future__ import annotations

import numpy as np

from ..chunks.encoder import Choice, ChunkItem, Profile, encode_chunk
from ..coders import CODERS
from ..dtypes import is_float
from ..factorizations import BlockSparse, FactoredWeight, KMeans, Sparse

SMALLEST = 4096  # elements; below, a record says more than it saves
SAMPLE = 8192  # elements that decide whether to look closer
MOST_LEVELS = 256
FEWEST_ZEROS = 0.25

_PROFILE = Profile(Choice((CODERS["context"],)), Choice((CODERS["float_planes"],)))


def structured_forms(array: np.ndarray, signed_zeros: bool = True) -> list[FactoredWeight]:
    """The other ways to write a weight exactly, best guess first; none for a weight without such structure.

    Args:
        array: of any shape and dtype; not changed.
        signed_zeros: -0.0 is a value of its own, so that every bit comes back; else it is 0.0, which it becomes where a
            weight is multiplied by its mask.
    """
    if array.ndim < 2 or array.size < SMALLEST or not is_float(array.dtype) or not 2 <= array.dtype.itemsize <= 4:
        return []
    if not signed_zeros:
        array = array + array.dtype.type(0)
    bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").ravel()
    sample = bits[:: max(1, bits.size // SAMPLE)]
    clustered = np.unique(sample).size <= MOST_LEVELS
    pruned = np.count_nonzero(sample == 0) >= FEWEST_ZEROS * sample.size
    if not (clustered or pruned) or not np.isfinite(array).all():
        return []
    forms = [_clustered(array, bits)] if clustered else []
    forms += [_pruned(array, bits), _pruned_in_blocks(array, bits)] if pruned else []
    return [form for form in forms if form is not None]


def _clustered(array: np.ndarray, bits: np.ndarray) -> FactoredWeight | None:
    """Codebook and index, the most frequent value first: coders like small numbers."""
    values, inverse, counts = np.unique(bits, return_inverse=True, return_counts=True)
    if values.size > MOST_LEVELS:
        return None
    order = np.argsort(-counts, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    codebook = values[order].view(array.dtype).astype(np.float32)
    index = rank[inverse].reshape(array.shape).astype(np.int32)
    return FactoredWeight(KMeans(array.shape, codebook.size), {"codebook": codebook, "index": index}, dtype=array.dtype)


def _pruned(array: np.ndarray, bits: np.ndarray) -> FactoredWeight:
    mask = (bits != 0).reshape(array.shape)
    values = array[mask].astype(np.float32)
    factors = {"mask": mask.astype(np.int32), "values": values}
    return FactoredWeight(Sparse(array.shape, values.size), factors, dtype=array.dtype, steps_are_open=True)


def _pruned_in_blocks(array: np.ndarray, bits: np.ndarray) -> FactoredWeight | None:
    """The matrix by the largest blocks that are zero or kept as a whole; None where those are single weights."""
    mask = (bits != 0).reshape(-1, array.shape[-1])
    height, width = _period(mask), _period(mask.T)
    if height * width <= 1:
        return None
    blocks = BlockSparse(array.shape, height, width, 0)
    kept = blocks.blocks(mask)[:, :, 0, 0]
    values = blocks.blocks(array)[kept].astype(np.float32)
    form = BlockSparse(array.shape, height, width, len(values))
    return FactoredWeight(
        form, {"mask": kept.astype(np.int32), "values": values}, dtype=array.dtype, steps_are_open=True
    )


def _period(mask: np.ndarray) -> int:
    """The greatest number that all rows are multiples of where a mask changes from one row to the next; 0 if none."""
    return int(np.gcd.reduce(1 + np.flatnonzero((mask[1:] != mask[:-1]).any(axis=1))))


def smallest(forms: list[FactoredWeight], dtype: np.dtype) -> FactoredWeight:
    """The form with the fewest payload bytes under the `context` coder; the first of equals."""

    def nbytes(form: FactoredWeight) -> int:
        _, streams = encode_chunk([ChunkItem("", form, dtype, "as_is")], _PROFILE)
        return sum(len(stream.payload) for stream in streams)

    return min(forms, key=nbytes)
