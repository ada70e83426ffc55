"""The element types of the format and their numbers (format_spec/registry.md, dtypes)."""

from __future__ import annotations

import numpy as np

from .errors import UnknownDtypeError, UnsupportedTypeError

DTYPES: dict[str, int] = {
    "float32": 0,
    "float16": 1,
    "bfloat16": 2,
    "float64": 3,
    "int8": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "uint8": 8,
    "uint16": 9,
    "uint32": 10,
    "uint64": 11,
    "bool": 12,
    "float8_e4m3fn": 13,
    "float8_e5m2": 14,
}
_BY_NUMBER = {number: name for name, number in DTYPES.items()}
_EXTENDED = frozenset({"bfloat16", "float8_e4m3fn", "float8_e5m2"})  # of ml_dtypes, which takes 2 MB: loaded when met


def dtype_of(number: int) -> np.dtype:
    """The numpy dtype of a registry number; UnknownDtypeError where there is none."""
    name = _BY_NUMBER.get(number)
    if name is None:
        raise UnknownDtypeError(f"no dtype has number {number}")
    if name in _EXTENDED:
        import ml_dtypes

        extended: np.dtype = np.dtype(getattr(ml_dtypes, name))
        return extended
    return np.dtype(name)


def number_of(dtype: np.dtype) -> int:
    """The registry number of a numpy dtype; UnsupportedTypeError for complex, object, text and dates."""
    number = DTYPES.get(dtype.name)
    if number is None:
        raise UnsupportedTypeError(f"dtype {dtype} is not one of {', '.join(DTYPES)}")
    return number


def is_float(dtype: np.dtype) -> bool:
    """Whether the elements are floating-point numbers, the extended ones included."""
    return dtype.kind == "f" or dtype.name in _EXTENDED
