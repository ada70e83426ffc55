"""A mapping of numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..errors import UnsupportedTypeError
from ..factorizations import FactoredWeight
from .loading import Slot, matched
from .normal import normal, scan_by_name
from .protocol import NamedTensor, StoredTensor, WithoutGraph


class Arrays(WithoutGraph):
    """Name -> numpy array or scalar, Python number, or anything that numpy can make an array of (JAX arrays).

    A mapping that is no dict is asked for an array when it is coded: it may hold more than memory does.
    A value may also be a `FactoredWeight`, or a `NamedTensor`, which brings its scan.
    """

    name: ClassVar[str] = "arrays"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def accepts(self, model: Any) -> bool:
        return isinstance(model, Mapping)

    def tensors(self, model: Mapping[str, Any]) -> Iterator[NamedTensor]:
        for name, value in _named(model):
            if isinstance(value, NamedTensor):
                yield value.renamed(name)
                continue
            if isinstance(value, FactoredWeight):
                yield NamedTensor(name, value)
                continue
            array = normal(name, value)
            scan = scan_by_name(name, array.ndim)
            if isinstance(model, dict):
                yield NamedTensor(name, array, scan)
            else:  # a mapping of its own may read or make its arrays: only shapes are kept
                yield StoredTensor(name, array.shape, partial(_item, model, name), scan)

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Replace the mapping's values; the arrays that it held are left alone."""
        if not isinstance(model, MutableMapping):
            raise UnsupportedTypeError(f"nothing can be assigned to a {type(model).__name__}")
        slots = {name: normal(name, value) for name, value in _named(model)}
        fitting = matched({name: Slot(a.shape, a.dtype) for name, a in slots.items()}, tensors)
        model.update((name, array.copy()) for name, array in fitting.items())


def _item(model: Mapping[str, Any], name: str) -> np.ndarray:
    return normal(name, model[name])


def _named(model: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in model.items():
        if not isinstance(name, str):
            raise UnsupportedTypeError(f"names are strings, not {name!r}")
        yield name, value
