"""What an op is: a pure numpy function, its parameters and the tensors it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import LimitError
from .params import Param

Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]

# Elements of one activation (1 GiB of float32). A graph comes from a file: a small one may ask for huge arrays.
MAX_ELEMENTS = 2**28


def elementwise(*inputs: Shape, **_: Any) -> Shape:
    """Shape of an op that works element by element, with numpy's broadcasting."""
    return np.broadcast_shapes(*inputs)


def no_scratch(*_: Shape, **__: Any) -> int:
    """Elements of an op that needs no more than its inputs and its result, and as much again."""
    return 0


@dataclass(frozen=True)
class Op:
    """One kind of layer.

    Attributes:
        number: in format_spec/graph.md.
        run: inputs by position, tensors and parameters by keyword, one array back. float32 in, float32 out, axis 0
            is the batch, channels last. Never writes to its inputs.
        params: name -> kind; a parameter's number in the file is its position.
        tensors: names of the tensors in file order.
        optional: the tensors that a layer may do without.
        inputs: fewest and most inputs.
        shape: as `run`, with shapes for arrays: the shape of what it gives. ValueError where they do not fit.
        scratch: as `shape`: elements that `run` holds on the way, beyond three times the largest of inputs and result.
        factored: tensors that `run` only multiplies by from the right (x @ tensor), so that factors will do.
    """

    number: int
    run: Callable[..., np.ndarray]
    params: Mapping[str, Param] = field(default_factory=dict)
    tensors: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    inputs: tuple[int, int] = (1, 1)
    shape: Callable[..., Shape] = elementwise
    scratch: Callable[..., int] = no_scratch
    factored: frozenset[str] = frozenset()


class TensorSource(Protocol):
    """What the runtime needs of an opened file; `wcodec.safe_open` gives one."""

    def keys(self) -> Sequence[str]:
        """Names in model order: a graph refers to tensors by position."""

    def get_tensor(self, name: str) -> np.ndarray:
        """One decoded tensor."""

    def graph(self) -> Any:
        """The graph chunk as msgpack gives it, None where the file has none."""


def check_elements(shape: Sequence[int]) -> None:
    """LimitError where an activation of `shape` has more than MAX_ELEMENTS elements."""
    if math.prod(shape) > MAX_ELEMENTS:
        raise LimitError(f"an activation of shape {tuple(shape)} exceeds {MAX_ELEMENTS} elements")
