"""Vectors of the kinds tent, pool, dct and block, valid and not."""

from __future__ import annotations

import numpy as np

from vectors.build import body, differences, group, head, names, number, payload, wcz
from wcodec.container.layout import frame

F32 = head("float32")
KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS = range(5)
TENT, POOL, DCT, BLOCK, TFC = range(25, 30)
ONE = 320  # the step code of the step 1
OUT_FIRST = head("float32", scan="out_first")


def _quantized(records: list, counts: list[int], codes: list[int]) -> bytes:
    rng = np.random.default_rng(25)
    arrays = [rng.integers(-4, 5, count).astype(np.int32) for count in counts]
    return wcz(
        names(grouped=[f"w{i}" for i in range(len(records))]), group(records, "rice", differences(codes), *arrays)
    )


def kind_tent() -> bytes:
    """tent of images of even and odd extents, of one pixel, with two channels, with a step for each row"""
    records = [
        [F32, 24, 2, {KIND: TENT, PARAMS: [4, 6]}],
        [OUT_FIRST, 30, 1, {KIND: TENT, PARAMS: [3, 5]}],
        [F32, 1, 2, {KIND: TENT, PARAMS: [1, 1]}],
        [F32, 8, 1, {KIND: TENT, PARAMS: [4, 2], STEP_AXES: [1]}],
    ]
    return _quantized(records, [12, 12, 2, 2], [ONE, ONE - 16, ONE, ONE, ONE + 16])


def kind_pool() -> bytes:
    """pool of squares of 2, the default, and of 3, cut at the edge; larger than the image; a float16 weight"""
    records = [
        [F32, 24, 2, {KIND: POOL, PARAMS: [4, 6]}],
        [F32, 20, 1, {KIND: POOL, PARAMS: [4, 5, 3]}],
        [head("float16"), 4, 3, {KIND: POOL, PARAMS: [2, 2, 1024]}],
    ]
    return _quantized(records, [12, 4, 3], [ONE, ONE - 3, ONE])


def kind_dct() -> bytes:
    """dct of images of even and odd extents, of one row, with two channels"""
    records = [
        [F32, 12, 2, {KIND: DCT, PARAMS: [3, 4]}],
        [OUT_FIRST, 10, 1, {KIND: DCT, PARAMS: [1, 5]}],
    ]
    return _quantized(records, [24, 10], [ONE, ONE - 16])


def kind_block() -> bytes:
    """block of dense, rdft, tent, pool and dct; with places; of a vector; empty; of the whole weight"""
    records = [
        [OUT_FIRST, 3, 4, {KIND: BLOCK, PARAMS: [[2, 3]]}],
        [OUT_FIRST, 2, 2, 3, 2, {KIND: BLOCK, PARAMS: [[2, 2, 1, 2], [1]], STEP_AXES: [0]}],
        [OUT_FIRST, 12, 3, {KIND: BLOCK, PARAMS: [[2, 2, 2, 1]]}],
        [F32, 16, 4, {KIND: BLOCK, PARAMS: [[16, 2], [TENT, 4, 4]]}],
        [F32, 20, 2, {KIND: BLOCK, PARAMS: [[16, 1], [POOL, 4, 4, 3]]}],
        [F32, 4, 2, {KIND: BLOCK, PARAMS: [[4, 1], [DCT, 2, 2]]}],
        [F32, 5, {KIND: BLOCK, PARAMS: [[2]]}],
        [F32, 5, 2, {KIND: BLOCK, PARAMS: [[0, 2]]}],
        [F32, 2, 2, {KIND: BLOCK, PARAMS: [[2, 2]]}],
    ]
    return _quantized(records, [6, 8, 8, 8, 4, 4, 2, 0, 4], [ONE - i for i in range(9)])


def kind_tfc() -> bytes:
    """tfc: a plain matrix and scalar, spectra of even and odd kernels; steps verbatim, as float16, and quantized"""
    symbols, verbatim = head("int32", 1), head("float32", 2)
    records = [
        [head("float32", 1), 2, 3, {KIND: TFC, FACTOR_HEADS: [symbols, verbatim], STREAMS: [0, 1]}],
        [head("float32", 1), {KIND: TFC, FACTOR_HEADS: [symbols, head("float16", 2)], STREAMS: [0, 1]}],
        [head("float32", 1), 3, 4, 1, 2, {KIND: TFC, PARAMS: [1], FACTOR_HEADS: [symbols, verbatim], STREAMS: [0, 1]}],
        [head("float32", 1), 5, 5, 1, 1, {KIND: TFC, PARAMS: [1], FACTOR_HEADS: [symbols, F32]}],
    ]
    rng = np.random.default_rng(29)
    shapes = [(2, 3), (), (1, 2, 3, 3, 2), (1, 1, 5, 3, 2)]
    values = [rng.integers(-3, 4, shape).astype(np.int32) for shape in shapes]
    quantized = rng.integers(1, 5, (5, 3, 2)).astype(np.int32)
    first = payload("rice", [ONE - 48], *values, quantized)
    steps = rng.random((3, 3, 2)).astype("f4")
    second = payload("raw", np.array(0.3, "f4"), np.array(0.1, "f2"), steps)
    manifest = [[number("rice"), len(first), number("raw")], *records]
    return wcz(names(grouped=["a", "b", "c", "d"]), frame(b"G", body(manifest, first, second)))


VALID = {
    "kind_tent": kind_tent,
    "kind_pool": kind_pool,
    "kind_dct": kind_dct,
    "kind_block": kind_block,
    "kind_tfc": kind_tfc,
}

# name -> (rule, kind, parameters, shape of the weight, symbols)
INVALID = {
    "tent_vector": ("tent of a vector", TENT, [2, 2], (4,), 1),
    "tent_extent": ("an image of 1,025 rows", TENT, [1025, 1], (1025, 1), 513),
    "tent_no_extent": ("an image of no rows", TENT, [0, 1], (4, 1), 0),
    "tent_inputs": ("inputs that are not whole images", TENT, [2, 2], (6, 1), 1),
    "pool_size": ("squares of 0 pixels", POOL, [2, 2, 0], (4, 1), 4),
    "pool_large": ("squares of 1,025 pixels", POOL, [2, 2, 1025], (4, 1), 1),
    "dct_parameter": ("dct with a third parameter", DCT, [2, 2, 2], (4, 1), 4),
    "tfc_layout": ("tfc of a third layout", TFC, [2], (2,), 2),
    "tfc_vector": ("a tfc spectrum of a vector", TFC, [1], (2,), 2),
    "tfc_extent": ("a tfc spectrum of 17 pixels", TFC, [1], (17, 1, 1, 1), 34),
    "block_scalar": ("block of a scalar", BLOCK, [[]], (), 1),
    "block_axes": ("block of too few axes", BLOCK, [[2]], (2, 2), 2),
    "block_beyond": ("a block larger than its weight", BLOCK, [[3, 2]], (2, 2), 6),
    "block_negative": ("a negative extent of a block", BLOCK, [[-1, 2]], (2, 2), 0),
    "block_places": ("places that do not divide the inputs", BLOCK, [[3, 1, 2]], (4, 2), 6),
    "block_no_places": ("no places", BLOCK, [[0, 1, 2]], (4, 2), 0),
    "block_inner": ("block of low_rank", BLOCK, [[2, 2], [2, 1]], (2, 2), 4),
    "block_block": ("block of block", BLOCK, [[2, 2], [BLOCK]], (2, 2), 4),
    "block_no_inner": ("block without an inner kind", BLOCK, [[2, 2], []], (2, 2), 4),
    "block_inner_parameter": ("a parameter of an inner dense", BLOCK, [[2, 2], [0, 1]], (2, 2), 4),
    "block_inner_missing": ("an inner tent without its width", BLOCK, [[4, 1], [TENT, 4]], (4, 1), 2),
}
