"""A mapping of numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..errors import UnsupportedTypeError
from ..factorizations import FactoredWeight
from .loading import Slot, matched
from .normal import normal, scan_by_name
from .protocol import NamedTensor, WithoutGraph


class Arrays(WithoutGraph):
    """Name -> numpy array or scalar, Python number, or anything that numpy can make an array of (JAX arrays).

    A value may also be a `FactoredWeight`, or a `NamedTensor`, which brings its scan.
    """

    name: ClassVar[str] = "arrays"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def accepts(self, model: Any) -> bool:
        return isinstance(model, Mapping)

    def tensors(self, model: Mapping[str, Any]) -> Iterator[NamedTensor]:
        for name, value in _named(model):
            if isinstance(value, NamedTensor):
                yield replace(value, name=name)
                continue
            if isinstance(value, FactoredWeight):
                yield NamedTensor(name, value)
                continue
            array = normal(name, value)
            yield NamedTensor(name, array, scan_by_name(name, array.ndim))

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Replace the mapping's values; the arrays that it held are left alone."""
        if not isinstance(model, MutableMapping):
            raise UnsupportedTypeError(f"nothing can be assigned to a {type(model).__name__}")
        slots = {name: normal(name, value) for name, value in _named(model)}
        fitting = matched({name: Slot(a.shape, a.dtype) for name, a in slots.items()}, tensors)
        model.update((name, array.copy()) for name, array in fitting.items())


def _named(model: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in model.items():
        if not isinstance(name, str):
            raise UnsupportedTypeError(f"names are strings, not {name!r}")
        yield name, value
