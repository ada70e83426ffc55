"""Valid files of the kinds from 5 on: name -> maker. Small whole numbers as symbols, a few factors in other forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from vectors.build import INTEGERS, VERBATIM, differences, group, head, names, wcz

KIND, PARAMS, FACTOR_HEADS = range(3)
ONE = 320  # the step code of the step 1
F32, F16, F64 = head("float32"), head("float16", VERBATIM), head("float64", VERBATIM)
INT32, BOOL, UINT8 = head("int32", INTEGERS), head("bool", INTEGERS), head("uint8", VERBATIM)


class Case(NamedTuple):
    """One tensor: its shape, the parameters of its record, and (head, array) of each factor."""

    shape: tuple[int, ...]
    params: list[Any]
    factors: list[tuple[int, Any]]
    dtype: str = "float32"


def symbols(*shape: int, seed: int = 1) -> tuple[int, np.ndarray]:
    """A quantized factor: whole numbers from -4 to 4."""
    return F32, np.random.default_rng([seed, *shape]).integers(-4, 5, shape).astype(np.int32)


def kind_file(number: int, *cases: Case) -> bytes:
    """A group with one tensor a case, coded with raw."""
    records, arrays, codes = [], [], []
    for case in cases:
        heads = [factor_head for factor_head, _ in case.factors]
        form = heads[0] // 16 * 16
        records.append([head(case.dtype) + form, *case.shape, {KIND: number, PARAMS: case.params, FACTOR_HEADS: heads}])
        for factor_head, array in case.factors:
            arrays.append(array)
            codes += [ONE - 16] * (factor_head == F32)
    steps = [differences(codes)] if codes else []
    return wcz(names(grouped=[f"w{i}" for i in range(len(cases))]), group(records, "raw", *steps, *arrays))


def kind_dictionary() -> bytes:
    """dictionary with full, short and empty rows, of a kernel, rows from the first axis, a bool mask and float64"""
    full = Case((3, 4), [2, 2], [(INT32, [1, 1, 0, 1, 0, 0]), symbols(3, 2), symbols(2, 4)])
    kernel = Case((2, 1, 3), [2, 1], [(INT32, [0, 1, 1, 0]), symbols(2, 1), symbols(2, 3)])
    halves = (F16, np.array([[0.5], [-2]], "f2"))
    wide = (F64, np.array([[1, 2, 3, 0.25, -1, 8]]))
    return kind_file(5, full, kernel, Case((2, 3, 2), [1, 1, 1], [(BOOL, [1, 0]), halves, wide]))


def kind_tensor_train() -> bytes:
    """tensor_train of two and three digits, padded rows and columns, rows from the first axis, float64"""
    exact = Case((4, 6), [[2, 2], [3, 2], [2]], [symbols(1, 2, 3, 2), symbols(2, 2, 2, 1)])
    cores = [symbols(1, 2, 1, 2), symbols(2, 2, 2, 3), symbols(3, 1, 3, 1)]
    padded = Case((3, 5), [[2, 2, 1], [1, 2, 3], [2, 3]], cores)
    kernel = Case((2, 3, 2), [[2, 1], [2, 3], [1], 1], [symbols(1, 2, 2, 1), symbols(1, 1, 3, 1)], "float16")
    wide = [(F64, np.array([1, 0.5, -2, 4.0]).reshape(1, 2, 2, 1)), (F64, np.array([1, -1.0]).reshape(1, 2, 1, 1))]
    return kind_file(6, exact, padded, kernel, Case((4, 2), [[2, 2], [2, 1], [1]], wide, "float64"))


def kind_tensor_ring() -> bytes:
    """tensor_ring with and without a closing bond of 1, padded, of two to four digits"""
    ring = Case((4, 4), [[2, 2], [2, 2], [2, 2]], [symbols(2, 2, 2, 2), symbols(2, 2, 2, 2, seed=2)])
    cores = [symbols(2, 2, 1, 1), symbols(1, 2, 2, 2), symbols(2, 1, 2, 2)]
    padded = Case((3, 4), [[2, 2, 1], [1, 2, 2], [2, 1, 2]], cores)
    four = [symbols(2, 2, 1, 1), symbols(1, 2, 1, 2), symbols(2, 1, 2, 1), symbols(1, 1, 2, 2)]
    train = Case((2, 2), [[2, 1], [1, 2], [1, 2]], [symbols(1, 2, 1, 2), symbols(2, 1, 2, 1)])
    return kind_file(7, ring, padded, Case((2, 2, 4), [[2, 2, 1, 1], [1, 1, 2, 2], [2, 1, 2, 1]], four), train)


def kind_hierarchical_tucker() -> bytes:
    """hierarchical_tucker over two, three and five modes, padded"""
    two = Case((4, 2), [[2, 2], [1, 2], [2, 2]], [symbols(2, 2, 1), symbols(2, 1, 2), symbols(2, 2, 2)])
    three = [symbols(2, 2, 1), symbols(2, 1, 2), symbols(1, 3, 2), symbols(2, 1, 2, seed=2), symbols(2, 2, 1)]
    padded = Case((3, 5), [[2, 2, 1], [1, 2, 3], [2, 2, 2, 1]], three)
    # Nodes over modes 12345, 123, 45, 12, 3, 4, 5, 1, 2 with ranks 1, 2, 1, 2, 1, 2, 1, 2, 1
    five = [
        symbols(2, 1, 1), symbols(2, 1, 2), symbols(2, 1, 1), symbols(2, 1, 2), symbols(2, 1, 1),
        symbols(1, 2, 2), symbols(1, 1, 1), symbols(2, 1, 2), symbols(1, 1, 1, seed=2),
    ]  # fmt: skip
    deep = Case((4, 2), [[2, 1, 2, 1, 1], [1, 1, 1, 2, 1], [2, 1, 2, 1, 2, 1, 2, 1]], five)
    return kind_file(8, two, padded, deep)


def kind_tucker2() -> bytes:
    """tucker2 of a matrix, of a kernel in the Keras layout and in that of torch, float16"""
    matrix = Case((2, 3), [2, 1], [symbols(2, 1), symbols(2, 2), symbols(3, 1)])
    keras = Case((2, 1, 3, 2), [2, 2], [symbols(2, 1, 2, 2), symbols(3, 2), symbols(2, 2)], "float16")
    torch = Case((3, 2, 2, 1), [2, 1, [0, 1]], [symbols(2, 1, 2, 1), symbols(3, 2), symbols(2, 1)])
    return kind_file(9, matrix, keras, torch)


def kind_cp() -> bytes:
    """cp of a matrix, of a kernel, of one term, of a tensor without elements"""
    matrix = Case((3, 2), [2], [symbols(3, 2), symbols(2, 2)])
    kernel = Case((2, 1, 3, 2), [3], [symbols(2, 3), symbols(1, 3), symbols(3, 3), symbols(2, 3)])
    one = Case((2, 2, 2), [1], [symbols(2, 1), symbols(2, 1, seed=2), symbols(2, 1, seed=3)])
    return kind_file(10, matrix, kernel, one, Case((0, 2), [1], [symbols(0, 1), symbols(2, 1)]))


def kind_product_quantization() -> bytes:
    """product_quantization with one codebook and with several, blocks that do not divide, uint8 indices"""
    shared = Case((2, 4), [3, 2], [symbols(1, 3, 2), (INT32, [0, 2, 1, 1])])
    several = Case((2, 5), [2, 2, 2], [symbols(2, 2, 2), (INT32, [0, 1, 1, 0, 0, 1])])
    book = (head("float32", VERBATIM), np.array([0.1, -0.2, 0.3, 0.4], "f4").reshape(1, 2, 2))
    kernel = Case((2, 1, 3), [2, 2, 1, 1], [book, (UINT8, np.array([[1, 0], [0, 1]], np.uint8))])
    return kind_file(11, shared, several, kernel, Case((0, 3), [1, 3], [symbols(1, 1, 3), (INT32, [])]))


def kind_sparse_kmeans() -> bytes:
    """sparse_kmeans with some, no and all weights; a bool mask, uint8 indices"""
    some = Case((2, 3), [3, 2], [symbols(2), (INT32, [0, 1, 1, 0, 0, 1]), (INT32, [0, 1, 1])])
    none = Case((2,), [0, 1], [symbols(1), (INT32, [0, 0]), (INT32, [])])
    every = Case((2,), [2, 2], [symbols(2, seed=2), (BOOL, [1, 1]), (UINT8, np.array([1, 0], np.uint8))])
    return kind_file(12, some, none, every)


def kind_simhash() -> bytes:
    """simhash with two seeds, more bits than rows, rows from the first axis; exact"""
    small = Case(
        (3, 2), [4], [(INT32, [1, 0, 0, 0, 1, 1, 0, 1]), (head("float32", VERBATIM), np.array([0.1, -3], "f4"))]
    )
    kernel = Case((2, 2, 2), [2, 4294967295, 1], [(BOOL, [0, 1, 1, 1, 1, 0, 0, 0]), symbols(4)])
    return kind_file(13, small, kernel)


def kind_random_projection() -> bytes:
    """random_projection with two seeds, rows from the first axis, float64"""
    small = Case((4, 3), [2], [symbols(2, 3)])
    kernel = Case((2, 2, 1), [1, 4294967295, 1], [symbols(1, 2)])
    return kind_file(14, small, kernel, Case((3, 1), [1, 7], [(F64, np.array([[0.125]]))], "float64"))


def kind_block_diagonal() -> bytes:
    """block_diagonal with blocks that divide and that do not, one block, a float16 block"""
    even = Case((4, 2), [2], [symbols(2, 2, 1)])
    odd = Case((5, 2, 3), [3, 1], [symbols(3, 2, 2)])
    return kind_file(15, even, odd, Case((1, 2), [1], [(F16, np.array([0.5, -2], "f2").reshape(1, 1, 2))]))


def kind_input_output() -> bytes:
    """input_output of both sides and of inputs alone, padded on both sides"""
    both = Case((4, 6), [2, 1, 3, 2], [symbols(2, 1), symbols(2, 4), symbols(2, 3)])
    inputs = Case((4, 3), [4, 2], [symbols(4, 2), symbols(2, 3), symbols(1, 1)])
    padded = Case((3, 1, 5), [2, 2, 3, 1, 1], [symbols(2, 2), symbols(4, 2), symbols(1, 3)])
    return kind_file(16, both, inputs, padded)


def kind_mixed_block() -> bytes:
    """mixed_block of one basis (a Kronecker product) and of two, padded on both sides"""
    kronecker = Case((4, 4), [1, 2, 2], [symbols(2, 2, 1), symbols(1, 2, 2)])
    padded = Case((3, 5), [2, 2, 3], [symbols(2, 2, 2), symbols(2, 2, 3)])
    return kind_file(17, kronecker, padded)


def kind_t_product() -> bytes:
    """t_product with kernels of one position, of four, of three along one axis"""
    one = Case((1, 2, 3), [2], [symbols(1, 2, 2), symbols(1, 2, 3)])
    four = Case((2, 2, 2, 2), [1], [symbols(4, 2, 1), symbols(4, 1, 2)])
    return kind_file(18, one, four, Case((3, 1, 2), [1], [symbols(3, 1, 1), symbols(3, 1, 2)], "float16"))


def kind_t_linear() -> bytes:
    """t_linear with tubes of one, two and three, padded on both sides"""
    one = Case((2, 2), [1], [symbols(2, 2, 1)])
    two = Case((4, 2), [2], [symbols(2, 1, 2)])
    return kind_file(19, one, two, Case((4, 5), [3], [symbols(2, 2, 3)]))


def kind_block_sparse() -> bytes:
    """block_sparse with some, no and all blocks, over both edges, rows from the first axis, a bool mask, float64"""
    some = Case((4, 6), [2, 3, 2], [(INT32, [0, 1, 1, 0]), symbols(2, 2, 3)])
    edges = Case((3, 5), [2, 2, 3], [(INT32, [0, 1, 1, 0, 0, 1]), symbols(3, 2, 2)], "float16")
    none = Case((2, 2), [1, 2, 0], [(INT32, [0, 0]), symbols(0, 1, 2)])
    wide = (F64, np.array([1, -0.5, 2, 0.125, 3, 8]).reshape(2, 1, 3))
    return kind_file(30, some, edges, none, Case((2, 1, 3), [1, 3, 2, 1], [(BOOL, [1, 1]), wide], "float64"))


KINDS: dict[str, Callable[[], bytes]] = {
    make.__name__: make
    for make in (
        kind_dictionary, kind_tensor_train, kind_tensor_ring, kind_hierarchical_tucker, kind_tucker2, kind_cp,
        kind_product_quantization, kind_sparse_kmeans, kind_simhash, kind_random_projection, kind_block_diagonal,
        kind_input_output, kind_mixed_block, kind_t_product, kind_t_linear, kind_block_sparse,
    )
}  # fmt: skip
