"""Valid files that show a coder: every array that it must cope with."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np

from vectors.build import INTEGERS, VERBATIM, bits_of, differences, group, head, names, wcz
from wcodec.quantize import MAX_SYMBOL

F32 = head("float32")


def coder(name: str) -> Callable[[], bytes]:
    """The file that shows the coder `name`."""

    def symbols() -> bytes:
        rng = np.random.default_rng(2)
        kernel = np.rint(rng.laplace(0, 2, (6, 3, 3, 3))).astype(np.int32)
        sparse = (rng.random((8, 40)) < 0.05) * rng.integers(-3, 4, (8, 40))
        extremes = [0, 1, -1, 2, -2, 127, -128, MAX_SYMBOL, -MAX_SYMBOL, 0, 0, 0]
        records = [[F32, 6, 3, 3, 3], [F32, 8, 40], [head("int32", INTEGERS), 12], [F32], [F32, 0]]
        arrays = [kernel, sparse.astype(np.int32), extremes, -4, []]
        labels = ["conv2d/kernel", "dense/kernel", "extremes", "scalar", "empty"]
        return wcz(names(grouped=labels), group(records, name, differences([300, 310, 290, 300]), *arrays))

    symbols.__doc__ = f"the coder {name} on a kernel, a sparse matrix, extreme symbols, a scalar and nothing"
    return symbols


def float_coder(name: str) -> Callable[[], bytes]:
    """The file that shows the coder `name` on elements bit for bit."""

    def elements() -> bytes:
        rng = np.random.default_rng(3)
        dtypes = [np.dtype(np.float32), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
        arrays = [rng.normal(0, 0.05, (8, 10)).astype(dtype) for dtype in dtypes]
        arrays += [np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3.4e38], "f4"), np.float32(1).reshape(())]
        arrays += [np.zeros((0, 2), "f4"), np.zeros((64,), "f4"), bits_of("float16"), bits_of("bfloat16")]
        records = [[head(array.dtype.name, VERBATIM), *array.shape] for array in arrays]
        labels = [f"{i}.{array.dtype.name}" for i, array in enumerate(arrays)]
        return wcz(names(grouped=labels), group(records, name, *arrays))

    elements.__doc__ = f"the coder {name} on weights, special values, a scalar, nothing, zeros and every kind of NaN"
    return elements


def rans_tables() -> bytes:
    """tables of rans: bands that end early, exponents on all axes, contexts, escapes, one row cut into lanes"""
    rng = np.random.default_rng(5)
    scales = np.exp(rng.normal(0, 1, (17, 1, 1, 1)) + rng.normal(0, 1, (1, 48, 1, 1)) + rng.normal(0, 0.5, (3, 3)))
    kernel = np.rint(np.cumsum(rng.normal(0, 0.7, scales.shape), axis=3) * scales).astype(np.int32)
    kernel[3, 2, 1, 1], kernel[16, 11, 2, 2] = 300, -MAX_SYMBOL
    row = np.rint(rng.laplace(0, 2, 5003)).astype(np.int32)
    records = [[head("int32", INTEGERS), *kernel.shape], [head("int32", INTEGERS), *row.shape]]
    return wcz(names(grouped=["kernel", "row"]), group(records, "rans", kernel, row))
