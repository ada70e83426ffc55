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
class Norm:
    """Variables of a batch normalization: scale (x - mean) / sqrt(variance + epsilon) + the layer's additive vector."""

    mean: str
    variance: str
    scale: str
    epsilon: float


@dataclass(frozen=True)
class Layer:
    """A layer that owns weights and runs as one.

    Attributes:
        name: of the layer, for messages.
        tensors: its own name of each variable -> the tensor's name in the file.
        sites: its weights that meet the input as a matrix.
        additive: variable that is added to each output channel (bias, beta), or None.
        channel_axis: of the output.
        norm: what a batch normalization has, else None.
        linear: whether the output is the product itself, with no activation behind it.
    """

    name: str
    tensors: Mapping[str, str]
    sites: tuple[Site, ...] = ()
    additive: str | None = None
    channel_axis: int = -1
    norm: Norm | None = None
    linear: bool = True


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

    def half(self, tensor: Any, side: int) -> Any:
        """The first or second half of a tensor of the twin batch; the tensor itself if it holds no samples."""

    def output(self, replaced: Replaced) -> Any:
        """The layer's result with some of its variables replaced."""

    def shifted(self, result: Any, shift: np.ndarray) -> Any:
        """A result of the call, with one number a channel added; None where it is no single tensor."""

    def joined(self, first: Any, second: Any) -> Any:
        """One result of the twin batch from those of its halves."""


Visit = Callable[[Call], Any]  # what the network goes on with in place of the layer's own output


@dataclass(frozen=True)
class Operation:
    """A step of a running network: the call of a layer of `layers`, or of something without weights.

    Attributes:
        layer: None for something without weights.
        sums: whether the result is the sum of the arguments, element by element.
        arguments: the framework's tensors that go in.
        results: those that come out.
    """

    layer: Layer | None
    sums: bool
    arguments: tuple[Any, ...]
    results: tuple[Any, ...]


Observe = Callable[[Operation], None]


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
    def observes_all(self) -> bool:
        """Whether `observe` is told of everything that takes a layer's output, not only of other layers."""

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Shape of one sample of the one input, or None where the model does not tell or takes more."""

    def run(self, inputs: Inputs, visit: Visit | None = None, observe: Observe | None = None) -> np.ndarray:
        """The model's (first) output in inference mode.

        `visit` stands in for every layer of `layers`; `observe` is told of each operation when it is done, in the
        same order in every run.
        """

    def to_numpy(self, value: Any) -> np.ndarray:
        """A tensor, or the first one of a structure, as an array."""

    def loaded(self, tensors: Mapping[str, np.ndarray]) -> AbstractContextManager[Any]:
        """The model itself, holding these tensors until the context ends."""
