"""Back into a model: what must agree before anything is assigned.

The names must be the same, and each shape. The model keeps its dtypes: a decoded tensor of another dtype is cast
(float to float, integer to integer) where every element survives that, and is a mismatch where one does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..dtypes import is_float
from ..errors import NameMismatchError


class Slot(NamedTuple):
    """What a model has room for under one name."""

    shape: tuple[int, ...]
    dtype: np.dtype


def matched(slots: Mapping[str, Slot], tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors in the dtypes of the model, in its order.

    Raises:
        NameMismatchError: lists every name, shape and dtype that does not agree.
    """
    faults = [f"{name!r} is in the model, not in the file" for name in slots if name not in tensors]
    faults += [f"{name!r} is in the file, not in the model" for name in tensors if name not in slots]
    fitting: dict[str, np.ndarray] = {}
    for name, slot in slots.items():
        if name not in tensors:
            continue
        tensor = tensors[name]
        if tensor.shape != slot.shape:
            faults.append(f"{name!r} has shape {slot.shape} in the model, {tensor.shape} in the file")
            continue
        fitting[name] = _cast(tensor, slot.dtype)
        if not _survives(tensor, fitting[name]):
            faults.append(
                f"{name!r} is {slot.dtype} in the model, which cannot hold the {tensor.dtype} values of the file"
            )
    if faults:
        raise NameMismatchError(f"the model and the file differ: {'; '.join(faults)}")
    return fitting


def _cast(tensor: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(all="ignore"):  # a value that does not fit is found by comparison
        return tensor.astype(dtype, copy=False)


def _survives(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a cast kept every element: floats with their NaNs and signs of zero, integers and booleans."""
    if before.dtype == after.dtype:
        return True
    if is_float(before.dtype) is not is_float(after.dtype):
        return False
    if not is_float(before.dtype):
        return bool(np.all(before == after))
    back = _cast(after, before.dtype)
    both_nan = np.isnan(before) & np.isnan(back)
    return bool(np.all(both_nan | ((before == back) & (np.signbit(before) == np.signbit(back)))))
