"""Arrays as the format takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import number_of
from ..errors import UnsupportedTypeError, naming
from ..scans import SCANS

# Variables that Keras and flax lay out with the outputs last; torch calls its own, which are as_is, "weight".
_SCAN_BY_NAME = {
    "kernel": "out_first",
    "recurrent_kernel": "out_first",
    "pointwise_kernel": "out_first",
    "depthwise_kernel": "in_first",
}


def normal(name: str, value: Any) -> np.ndarray:
    """`value` as a native-endian, C-ordered array of the format's dtypes; itself where it is one, else a copy.

    Args:
        name: of the tensor, for the message.
        value: numpy array or scalar, a Python number, or anything with `__array__`.

    Raises:
        UnsupportedTypeError: not an array, or of a dtype that the format does not have.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise UnsupportedTypeError("a masked array has no value under its mask", tensor=name)
    if not isinstance(value, np.ndarray | np.generic | bool | int | float) and not hasattr(value, "__array__"):
        raise UnsupportedTypeError(f"a {type(value).__name__} is not an array", tensor=name)
    array = np.asarray(value)
    with naming(name):
        number_of(array.dtype)
    return array.astype(array.dtype.newbyteorder("="), order="C", copy=False)


def scan_by_name(name: str, rank: int) -> str:
    """Scan of a tensor of which nothing but the name is known. A wrong guess costs bytes, never correctness."""
    variable = name.rpartition("/")[2].partition(":")[0]
    return _SCAN_BY_NAME.get(variable, "as_is") if rank >= 2 else "as_is"


def scan_of_order(order: tuple[int, ...]) -> str:
    """The scan that visits the axes in `order`; "as_is" where there is none."""
    return next((name for name, (_, axes) in SCANS.items() if axes(len(order)) == order), "as_is")
