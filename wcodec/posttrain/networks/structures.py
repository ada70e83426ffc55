"""Tensors inside nested tuples, lists and mappings, whatever the framework: what the adapters share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

IsTensor = Callable[[Any], bool]


def tensors_in(value: Any, is_tensor: IsTensor) -> Iterator[Any]:
    """Every tensor of a structure, in order."""
    if is_tensor(value):
        yield value
        return
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    for item in items:
        yield from tensors_in(item, is_tensor)


def mapped(value: Any, change: Callable[[Any], Any], is_tensor: IsTensor) -> Any:
    """The structure with every tensor changed; what is no tuple or list of tensors stays as it is."""
    if is_tensor(value):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(mapped(v, change, is_tensor) for v in value)
    return value


def joined(first: Any, second: Any, join: Callable[[Any, Any], Any], is_tensor: IsTensor) -> Any:
    """One structure of two alike: tensors joined, anything else as in the first."""
    if is_tensor(first):
        return join(first, second)
    if isinstance(first, tuple | list):
        return type(first)(joined(a, b, join, is_tensor) for a, b in zip(first, second, strict=True))
    return first


def on_axis(vector: np.ndarray, ndim: int, axis: int) -> np.ndarray:
    """`vector` shaped to lie along one axis of an array of `ndim` axes."""
    shape = [1] * ndim
    shape[axis] = -1
    return vector.reshape(shape)
