"""What a front end is: a model of some framework <-> named tensors."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from ..errors import UnsupportedTypeError
from ..factorizations import FactoredWeight


@dataclass(frozen=True)
class NamedTensor:
    """One tensor of a model, in model order.

    Attributes:
        name: unique in the model.
        value: the array as the framework holds it (dtype and shape are kept; native byte order, C order), or a
            weight that is factored already.
        scan: axis order for the coder, a name of `wcodec.scans.SCANS`.
    """

    name: str
    value: np.ndarray | FactoredWeight
    scan: str = "as_is"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor; known without reading it."""
        return self.value.shape if isinstance(self.value, np.ndarray) else self.value.factorization.shape

    @property
    def coded_size(self) -> int:
        """Elements of what is coded: of the tensor, or of its factors."""
        if isinstance(self.value, np.ndarray):
            return self.value.size
        return sum(math.prod(shape) for shape in self.value.factorization.factor_shapes.values())

    def renamed(self, name: str) -> NamedTensor:
        """The same tensor under another name; one that is stored stays where it is."""
        twin = copy(self)
        object.__setattr__(twin, "name", name)
        return twin

    def with_value(self, value: np.ndarray | FactoredWeight) -> NamedTensor:
        """The same tensor with another value, in memory."""
        return NamedTensor(self.name, value, self.scan)


class StoredTensor(NamedTensor):
    """One that stays where it is until its value is asked for, each time anew: a model may be larger than memory."""

    def __init__(self, name: str, shape: tuple[int, ...], read: Callable[[], np.ndarray], scan: str = "as_is") -> None:
        """`read` gives the array of `shape` as `NamedTensor.value` describes it."""
        # A frozen dataclass is filled like this.
        for key, value in {"name": name, "_shape": shape, "_read": read, "scan": scan}.items():
            object.__setattr__(self, key, value)

    @property
    def value(self) -> np.ndarray:
        """The array, read now."""
        array: np.ndarray = self.__dict__["_read"]()
        return array

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        shape: tuple[int, ...] = self.__dict__["_shape"]
        return shape

    @property
    def coded_size(self) -> int:
        """Elements of the tensor."""
        return math.prod(self.shape)


class FrontEnd(Protocol):
    """One framework or file type. Stateless; imports the framework when used, never before.

    Two names for the same storage (tied weights) are two tensors: each is coded.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]  # of the paths that it takes; () for one that takes objects

    def accepts(self, model: Any) -> bool:
        """Whether `model` is this front end's; must not import a framework that is not loaded yet."""

    def loaded(self, model: Any) -> Any:
        """The model in memory where a path stands for one that can only be read as a whole; else `model` itself."""

    def tensors(self, model: Any) -> Iterator[NamedTensor]:
        """The tensors in model order; never changes the model, copies at most one tensor at a time.

        Raises:
            UnsupportedTypeError: a dtype that the format does not have, or no array at all; names the tensor.
            DuplicateNameError: two tensors have the same name.
        """

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Assign decoded tensors, all or none.

        Raises:
            NameMismatchError: names, shapes or dtypes differ (`wcodec.frontends.loading`); lists every difference.
            UnsupportedTypeError: nothing can be assigned to this kind of model.
        """

    def graph(self, model: Any) -> dict[int, Any]:
        """The layer graph that `wcodec.runtime` runs, ready for msgpack (format_spec/graph.md).

        Raises:
            UnsupportedTypeError: this kind of model does not say how its layers hang together, or has one that the
                graph has no op for.
        """


class AsItIs:
    """For a front end that takes a model as it is given."""

    def loaded(self, model: Any) -> Any:
        return model


class WithoutGraph(AsItIs):
    """For a front end whose models are weights alone."""

    name: ClassVar[str]

    def graph(self, model: Any) -> dict[int, Any]:
        raise UnsupportedTypeError(f"the {self.name} front end knows weights, not how layers hang together")


class OfFiles:
    """For a front end of files, known by their suffix: weights are loaded into a model, not into a path."""

    suffixes: ClassVar[tuple[str, ...]]

    def accepts(self, model: Any) -> bool:
        return isinstance(model, str | os.PathLike) and Path(model).suffix in self.suffixes

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        raise UnsupportedTypeError(
            f"load_into assigns to a model in memory, not to the file {os.fspath(model)!r}: load that one first"
        )
