"""What the quantizer needs of a framework: to run a model and stand beside each layer that has weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from ..sites import Site

Replaced = Mapping[str, np.ndarray]  # variable of a layer -> value to use in its place


@dataclass(frozen=True)
class Layer:
    """A layer that owns weights and runs as one.

    Attributes:
        name: of the layer, for messages.
        tensors: its own name of each variable -> the tensor's name in the file.
        sites: its weights that meet the input as a matrix.
        additive: variable that is added to each output channel (bias, beta), or None.
        channel_axis: of the output.
    """

    name: str
    tensors: Mapping[str, str]
    sites: tuple[Site, ...] = ()
    additive: str | None = None
    channel_axis: int = -1


class Call(Protocol):
    """One call of a layer in a running network."""

    @property
    def layer(self) -> Layer:
        """The layer that is called."""

    @property
    def argument(self) -> Any:
        """The first tensor that the layer is called with, as the framework holds it."""

    def halves(self) -> tuple[Call, Call]:
        """The calls with the first and with the second half of a twin batch."""

    def output(self, replaced: Replaced) -> Any:
        """The layer's result with some of its variables replaced."""

    def joined(self, first: Any, second: Any) -> Any:
        """One result of the twin batch from those of its halves."""


Visit = Callable[[Call], Any]  # what the network goes on with in place of the layer's own output


@dataclass(frozen=True)
class Inputs:
    """What a model is called with: arrays with the samples along axis 0.

    Attributes:
        arrays: one or more.
        names: of keyword arguments or of a mapping's entries; empty for positional ones.
    """

    arrays: tuple[np.ndarray, ...]
    names: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, samples: slice) -> Inputs:
        return Inputs(tuple(a[samples] for a in self.arrays), self.names)

    def twice(self) -> Inputs:
        """Every sample twice: all of them, then all of them again."""
        return Inputs(tuple(np.concatenate([a, a]) for a in self.arrays), self.names)


class Network(Protocol):
    """One model of one framework. The model is as it was after each method, and after an exception."""

    framework: ClassVar[str]
    channels_first: ClassVar[bool]  # layout of images
    layers: Sequence[Layer]

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Shape of one input image, or None where the model does not tell or takes something else."""

    def run(self, inputs: Inputs, visit: Visit | None = None) -> np.ndarray:
        """The model's (first) output in inference mode; `visit` stands in for every layer of `layers`."""

    def to_numpy(self, value: Any) -> np.ndarray:
        """A tensor, or the first one of a structure, as an array."""

    def loaded(self, tensors: Mapping[str, np.ndarray]) -> AbstractContextManager[Any]:
        """The model itself, holding these tensors until the context ends."""
