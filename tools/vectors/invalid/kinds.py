"""Invalid files of the kinds from 5 on: parameters and factors that the kind does not allow, refused with 25."""

from __future__ import annotations

from typing import Any

import numpy as np

from vectors.build import INTEGERS, VERBATIM, head
from vectors.invalid.broken import FACTOR_HEADS, KIND, ONE, PARAMS, Make, Row, factored, record

F32, BIT = head("float32", VERBATIM), head("bool", INTEGERS)
INT32 = head("int32", INTEGERS)


def floats(kind: int, params: list[Any], *shapes: tuple[int, ...], shape: tuple[int, ...] = (2, 2)) -> Make:
    """A tensor whose factors are all floats, of these shapes, bit for bit."""
    return factored(kind, params, [F32] * len(shapes), *(np.ones(s, "f4") for s in shapes), shape=shape)


def mixed(kind: int, params: list[Any], *factors: Any, shape: tuple[int, ...] = (2, 2)) -> Make:
    """A tensor whose factors are floats where they are shapes, and int32 where they are lists."""
    heads = [INT32 if isinstance(f, list) else F32 for f in factors]
    arrays = [f if isinstance(f, list) else np.ones(f, "f4") for f in factors]
    return factored(kind, params, heads, *arrays, shape=shape)


def zeros(kind: int, params: list[Any], *shapes: tuple[int, ...], shape: tuple[int, ...] = (2, 2)) -> Make:
    """A tensor of a codebook or signs, and an index or scales, all zero, that are many but code to little."""
    float_first = kind == 11
    heads = [head("float32"), INT32][:: 1 if float_first else -1]
    wire = [heads[0], *shape, {KIND: kind, PARAMS: params, FACTOR_HEADS: heads}]
    return record(wire, "elias_gamma", ([ONE], *(np.zeros(s, np.int32) for s in shapes)))


_TRAIN = ((1, 2, 1, 1), (1, 1, 2, 1))

_BROKEN: dict[str, tuple[str, Make]] = {
    "dictionary_vector": ("a dictionary of a vector", mixed(5, [1, 1], [1], (1, 1), (1, 2), shape=(2,))),
    "dictionary_atoms": ("more atoms than rows", mixed(5, [3, 1], [0] * 6, (2, 1), (3, 2))),
    "dictionary_nonzeros": ("more coefficients than atoms", mixed(5, [1, 2], [1, 1], (2, 2), (1, 2))),
    "dictionary_no_atoms": ("no atoms", mixed(5, [0, 0], [], (2, 0), (0, 2))),
    "dictionary_mask": ("a mask value of -1", mixed(5, [2, 2], [0, -1, 0, 1], (2, 2), (2, 2))),
    "dictionary_row": ("a row of more ones than coefficients", mixed(5, [2, 1], [0, 1, 1, 1], (2, 1), (2, 2))),
    "train_one_digit": ("a train of one core", floats(6, [[2], [2], []], (1, 2, 2, 1))),
    "train_digits": ("more digits of rows than of columns", floats(6, [[2, 1, 1], [1, 2], [1]], *_TRAIN)),
    "train_many_digits": ("17 digits", floats(6, [[1] * 17, [1] * 17, [1] * 16], *((1, 1, 1, 1),) * 17, shape=(1, 1))),
    "train_zero_digit": ("a digit without values", floats(6, [[2, 0], [1, 2], [1]], (1, 2, 1, 1), (1, 0, 2, 1))),
    "train_few_rows": ("digits for fewer rows", floats(6, [[1, 1], [1, 2], [1]], (1, 1, 1, 1), (1, 1, 2, 1))),
    "train_many_rows": ("digits for over twice the rows", floats(6, [[5, 1], [1, 2], [1]], (1, 5, 1, 1), (1, 1, 2, 1))),
    "train_few_columns": ("digits for fewer columns", floats(6, [[2, 1], [1, 1], [1]], (1, 2, 1, 1), (1, 1, 1, 1))),
    "train_ranks": ("a rank too many", floats(6, [[2, 1], [1, 2], [1, 1]], *_TRAIN)),
    "train_rank": ("a rank above what lies before it", floats(6, [[2, 1], [1, 2], [3]], (1, 2, 1, 3), (3, 1, 2, 1))),
    "train_rank_zero": ("a rank of 0", floats(6, [[2, 1], [1, 2], [0]], (1, 2, 1, 0), (0, 1, 2, 1))),
    "train_params": ("rows that are an integer", floats(6, [2, [1, 2], [1]], *_TRAIN)),
    "ring_ranks": ("a ring without its closing rank", floats(7, [[2, 1], [1, 2], [1]], *_TRAIN)),
    "ring_rank": ("ranks with a large product", floats(7, [[2, 1], [1, 2], [3, 3]], (3, 2, 1, 3), (3, 1, 2, 3))),
    "ring_zero": ("a closing rank of 0", floats(7, [[2, 1], [1, 2], [0, 1]], (0, 2, 1, 1), (1, 1, 2, 0))),
    "tree_ranks": ("one rank for two leaves", floats(8, [[2, 1], [1, 2], [1]], (1, 1, 1), (2, 1, 1), (1, 2, 1))),
    "tree_rank": ("a rank above its leaf", floats(8, [[2, 1], [1, 2], [3, 1]], (3, 1, 1), (2, 1, 3), (1, 2, 1))),
    "tucker2_vector": ("tucker2 of a vector", floats(9, [1, 1], (1,), (2, 1), (2, 1), shape=(2,))),
    "tucker2_rank": ("a rank above its axis", floats(9, [3, 1], (3, 1), (2, 3), (2, 1))),
    "tucker2_axes": ("axes that do not ascend", floats(9, [1, 1, [1, 0]], (1, 1), (2, 1), (2, 1))),
    "tucker2_three": ("three axes", floats(9, [1, 1, [0, 1, 2]], (1, 1, 1), (2, 1), (2, 1), shape=(2, 2, 2))),
    "tucker2_axis": ("an axis beyond the rank", floats(9, [1, 1, [1, 2]], (2, 1), (2, 1), (2, 1))),
    "cp_vector": ("cp of a vector", floats(10, [1], (2, 1), shape=(2,))),
    "cp_rank": ("more terms than a matrix of 2 by 2 can use", floats(10, [3], (2, 3), (2, 3))),
    "blocks_levels": ("a codebook without levels", mixed(11, [0, 2], (1, 0, 2), [0, 0])),
    "blocks_many_levels": ("65,537 levels", zeros(11, [65537, 2], (1, 65537, 2), (2, 1))),
    "blocks_block": ("a block wider than the matrix", mixed(11, [1, 3], (1, 1, 3), [0, 0])),
    "blocks_codebooks": ("more codebooks than blocks a row", mixed(11, [1, 2, 2], (2, 1, 2), [0, 0])),
    "blocks_index": ("an index beyond the codebook", mixed(11, [1, 2], (1, 1, 2), [0, 1])),
    "blocks_index_negative": ("a negative index", mixed(11, [1, 2], (1, 1, 2), [0, -1])),
    "pruned_count": ("more indices than weights", mixed(12, [5, 1], (1,), [1] * 4, [0] * 5)),
    "pruned_levels": ("no levels", mixed(12, [1, 0], (0,), [1, 0, 0, 0], [0])),
    "pruned_mask": ("a mask value of 2", mixed(12, [2, 1], (1,), [2, 0, 0, 0], [0, 0])),
    "pruned_mask_sum": ("a mask of another count", mixed(12, [1, 1], (1,), [1, 1, 0, 0], [0])),
    "pruned_index": ("an index beyond the codebook", mixed(12, [1, 1], (1,), [1, 0, 0, 0], [1])),
    "simhash_bits": ("no bits", mixed(13, [0], [], (2,))),
    "simhash_many_bits": ("524,289 bits", zeros(13, [524289], (524289, 1), (1,), shape=(1, 1))),
    "simhash_seed": ("a seed of 2**32", mixed(13, [1, 1 << 32], [0, 0], (2,))),
    "simhash_signs": ("a sign of 2", mixed(13, [1], [0, 2], (2,))),
    "projection_rank": ("a rank above the smaller side", floats(14, [3], (3, 2))),
    "projection_seed": ("a negative seed", floats(14, [1, -1], (1, 2))),
    "diagonal_blocks": ("more blocks than columns", floats(15, [3], (3, 1, 1), shape=(3, 2))),
    "input_block": ("a block of more rows than there are", floats(16, [3, 1], (3, 1), (1, 2), (1, 1))),
    "input_width": ("a width above its block", floats(16, [1, 2], (1, 2), (4, 2), (1, 1))),
    "output_block": ("a block of more columns than there are", floats(16, [1, 1, 3], (1, 1), (2, 1), (1, 3))),
    "output_width": ("an output width of 0", floats(16, [1, 1, 1, 0], (1, 1), (2, 0), (0, 1))),
    "mixed_bases": ("more bases than a block has elements", floats(17, [2, 1, 1], (2, 2, 2), (2, 1, 1))),
    "mixed_rows": ("blocks taller than the matrix", floats(17, [1, 3, 1], (1, 2, 1), (1, 3, 1))),
    "mixed_columns": ("blocks wider than the matrix", floats(17, [1, 1, 3], (2, 1, 1), (1, 1, 3))),
    "tubes_matrix": ("t_product of a matrix", floats(18, [1], (1, 2, 1), (1, 1, 2))),
    "tubes_rank": ("a tubal rank above the smaller side", floats(18, [3], (1, 2, 3), (1, 3, 2), shape=(1, 2, 2))),
    "tubes_long": ("1,025 kernel positions", floats(18, [1], (1025, 1, 1), (1025, 1, 1), shape=(1025, 1, 1))),
    "tubes_none": ("no kernel positions", floats(18, [1], (0, 1, 1), (0, 1, 1), shape=(0, 1, 1))),
    "linear_tube": ("tubes longer than the smaller side", floats(19, [3], (1, 1, 3))),
    "kept_height": ("blocks taller than the matrix", mixed(30, [3, 1, 1], [1, 0], (1, 3, 1))),
    "kept_width": ("blocks without columns", mixed(30, [1, 0, 0], [], (0, 1, 0))),
    "kept_count": ("more blocks than there are", mixed(30, [2, 2, 2], [1], (2, 2, 2))),
    "kept_count_negative": ("a negative count", mixed(30, [2, 2, -1], [1], (1, 2, 2))),
    "kept_mask": ("a mask value of 2", mixed(30, [1, 2, 2], [2, 0], (2, 1, 2))),
    "kept_mask_sum": ("a mask of another count", mixed(30, [1, 2, 1], [1, 1], (1, 1, 2))),
    "kept_vector": ("blocks of a vector", mixed(30, [1, 1, 1], [1, 0], (1, 1, 1), shape=(2,))),
    "linear_rows": ("row axes that leave no columns", floats(19, [1, 2], (2, 2, 1))),
}  # fmt: skip

KINDS: dict[str, Row] = {name: (25, rule, make) for name, (rule, make) in _BROKEN.items()}
