"""Batch normalization folded into the layer before it: the same function with fewer tensors and layers.

    gamma (x W + b - mean) / sqrt(variance + epsilon) + beta  =  x (W s) + (b - mean) s + beta,
    s = gamma / sqrt(variance + epsilon), one number an output channel

The arithmetic is float64; the results have the dtype of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import UnsupportedTypeError
from ..runtime.graph import Graph, Layer
from .protocol import NamedTensor

# Ops whose output channels a kernel holds -> how many of its last axes they are, row-major.
CHANNEL_AXES = {"dense": 1, "conv": 1, "depthwise_conv": 2}


class Statistics(NamedTuple):
    """What a batch normalization knows of each channel (n,); gamma and beta are None where it has none."""

    mean: np.ndarray
    variance: np.ndarray
    gamma: np.ndarray | None
    beta: np.ndarray | None
    epsilon: float


def fold(
    kernel: np.ndarray, bias: np.ndarray | None, statistics: Statistics, channel_axes: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a layer that does what a layer and the batch normalization after it did.

    Args:
        kernel: its last `channel_axes` axes are the output channels: (..., n), depthwise (..., in, multiplier).
        bias: (n,), or None.
        statistics: of n channels.
        channel_axes: how many axes of the kernel make the n channels, row-major.

    Returns:
        The kernel in its shape, and a bias (n,).
    """
    mean, variance, gamma, beta, epsilon = statistics
    scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    scale = scale if gamma is None else scale * gamma.astype(np.float64)
    shift = -mean.astype(np.float64) if bias is None else bias.astype(np.float64) - mean.astype(np.float64)
    shift = shift * scale
    shift = shift if beta is None else shift + beta.astype(np.float64)
    scaled = kernel.astype(np.float64) * scale.reshape(kernel.shape[kernel.ndim - channel_axes :])
    return scaled.astype(kernel.dtype), shift.astype(kernel.dtype)


def fold_all(tensors: Sequence[NamedTensor], wire: dict[int, Any]) -> tuple[list[NamedTensor], dict[int, Any]]:
    """The tensors and the graph of a network without the batch normalizations that can be folded.

    One can where it alone takes what a dense or convolution layer makes, along the channels, and neither shares its
    tensors with another layer. The kernel keeps its name; a bias that the layer had not stands beside it as
    `.../bias`, in the place of the batch normalization's first tensor.

    Args:
        tensors: in model order.
        wire: the layer graph as a front end gives it.

    Raises:
        UnsupportedTypeError: a tensor to be folded is factored already (a trained latent).
    """
    folding = _Folding(list(tensors), Graph.from_wire(wire))
    while (pair := folding.next_pair()) is not None:
        folding.fold(*pair)
    return folding.result()


class _Folding:
    def __init__(self, tensors: list[NamedTensor], graph: Graph) -> None:
        self._tensors: list[NamedTensor | None] = list(tensors)
        self._graph = graph

    def next_pair(self) -> tuple[int, int] | None:
        """Numbers of a layer and the batch normalization that can be folded into it."""
        layers, inputs = self._graph.layers, len(self._graph.inputs)
        for number, layer in enumerate(layers):
            before = layer.inputs[0] - inputs
            if layer.op == "batch_norm" and before >= 0 and self._fits(before, number):
                return before, number
        return None

    def fold(self, before: int, number: int) -> None:
        """Fold layer `number`, a batch normalization, into layer `before`, and take it out of the graph."""
        layer, norm = self._graph.layers[before], self._graph.layers[number]
        kernel = self._array(layer.tensors["kernel"])
        bias = self._array(layer.tensors["bias"]) if "bias" in layer.tensors else None
        known = {name: self._array(position) for name, position in norm.tensors.items()}
        statistics = Statistics(
            known["mean"], known["variance"], known.get("gamma"), known.get("beta"), norm.params.get("epsilon", 1e-3)
        )
        folded = fold(kernel, bias, statistics, CHANNEL_AXES[layer.op])
        place = layer.tensors.get("bias", min(norm.tensors.values()))
        name = self._tensors[layer.tensors["kernel"]].name  # type: ignore[union-attr]
        for position in norm.tensors.values():
            self._tensors[position] = None
        self._replace(layer.tensors["kernel"], folded[0], name)
        self._replace(place, folded[1], f"{name.rpartition('/')[0]}/bias" if "/" in name else f"{name}_bias")
        self._drop(before, number, replace(layer, tensors={**layer.tensors, "bias": place}))

    def result(self) -> tuple[list[NamedTensor], dict[int, Any]]:
        """What is left, its positions counted anew."""
        kept = [(position, tensor) for position, tensor in enumerate(self._tensors) if tensor is not None]
        anew = {old: new for new, (old, _) in enumerate(kept)}
        layers = tuple(
            replace(layer, tensors={name: anew[position] for name, position in layer.tensors.items()})
            for layer in self._graph.layers
        )
        return [tensor for _, tensor in kept], replace(self._graph, layers=layers).to_wire()

    def _fits(self, before: int, number: int) -> bool:
        graph, inputs = self._graph, len(self._graph.inputs)
        layer, norm = graph.layers[before], graph.layers[number]
        takers = [n for n, other in enumerate(graph.layers) for v in other.inputs if v == inputs + before]
        mine = {*layer.tensors.values(), *norm.tensors.values()}
        others = {
            p for n, other in enumerate(graph.layers) if n not in (before, number) for p in other.tensors.values()
        }
        alone = takers == [number] and inputs + before not in graph.outputs and not mine & others
        return alone and layer.op in CHANNEL_AXES and norm.params.get("axis", -1) == -1

    def _array(self, position: int) -> np.ndarray:
        tensor = self._tensors[position]
        value = None if tensor is None else tensor.value
        if not isinstance(value, np.ndarray):
            raise UnsupportedTypeError("a factored weight cannot take up a batch normalization",
                                       tensor=tensor.name if tensor else None)  # fmt: skip
        return value

    def _replace(self, position: int, value: np.ndarray, name: str) -> None:
        before = self._tensors[position]
        self._tensors[position] = NamedTensor(
            before.name if before else name, value, before.scan if before else "as_is"
        )

    def _drop(self, before: int, number: int, grown: Layer) -> None:
        """Put `grown` in the place of layer `before`; whoever took layer `number`'s value takes that one's."""
        inputs = len(self._graph.inputs)
        gone, instead = inputs + number, inputs + before

        def moved(value: int) -> int:
            value = instead if value == gone else value
            return value - (value > gone)

        layers = [grown if n == before else layer for n, layer in enumerate(self._graph.layers) if n != number]
        layers = [replace(layer, inputs=tuple(map(moved, layer.inputs))) for layer in layers]
        self._graph = Graph(self._graph.inputs, tuple(layers), tuple(map(moved, self._graph.outputs)))
