"""Dtypes and forms (registry.md), and how decoded integers become elements (wcz.md, section 5.3)."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from .errors import SYMBOL, require

DTYPES = [
    np.dtype(t)
    for t in (
        np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8,
        np.uint16, np.uint32, np.uint64, np.bool_, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2,
    )
]  # fmt: skip

FLOATS = {0, 1, 2, 3, 13, 14}
FLOAT32, BOOL, UINT64, INT32 = 0, 12, 11, 6
QUANTIZED, INTEGERS, VERBATIM = 0, 1, 2


def from_verbatim(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.bool_:
        require((values.view(np.uint8) <= 1).all(), SYMBOL, "a bool is neither 0 nor 1")
    return values


def from_integers(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """int32 symbols as `dtype`; those of floats, which a step follows, stay symbols."""
    require((values > -(2**31)).all(), SYMBOL, "the symbol -2**31")
    if dtype.kind == "b":
        require(((values == 0) | (values == 1)).all(), SYMBOL, "a bool is neither 0 nor 1")
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        require(all(info.min <= v <= info.max for v in values.ravel().tolist()), SYMBOL, "a symbol beyond its dtype")
    else:
        return values
    return values.astype(dtype)


def from_symbols(arrays: list[np.ndarray], specs: list) -> list[np.ndarray]:
    """Decoded integers, an array a spec, in the dtypes and shapes of `specs`."""
    typed = [(from_integers(a, DTYPES[dtype]), shape) for a, (shape, dtype) in zip(arrays, specs, strict=True)]
    return [a.reshape(shape) for a, shape in typed]
