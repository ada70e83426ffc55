"""What the layers of Keras 3 are to the quantizer: their sites, what they add, and which are made of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from ...runtime.windows import padding_amounts
from ...scans import SCANS
from ..sites import Columns, ConvColumns, Pick, Site, dense_columns
from .protocol import Layer, Norm

# Layers that hold layers without being models: the attributes that give them.
PARTS = {
    "Bidirectional": ("forward_layer", "backward_layer"),
    "GroupedQueryAttention": ("query_dense", "key_dense", "value_dense", "output_dense"),
    "MultiHeadAttention": ("query_dense", "key_dense", "value_dense", "output_dense"),
    "TimeDistributed": ("layer",),
}


def _dense(_: Any, scan: str) -> Layer:
    return Layer("", {}, (Site("kernel", scan, 1, dense_columns),), "bias")


def _einsum_dense(layer: Any, scan: str) -> Layer:
    """Letters of the input that the result has not are the columns, in the order of the kernel."""
    inputs, _, rest = layer.equation.replace(" ", "").partition(",")
    letters, _, result = rest.partition("->")
    contracted = [axis for axis, letter in enumerate(letters) if letter in inputs and letter not in result]
    outputs = [axis for axis, letter in enumerate(letters) if letter in result and letter not in inputs]
    if "..." in layer.equation or SCANS[scan][1](len(letters)) != (*outputs, *contracted):
        return Layer("", {})  # a kernel of its own for each position, or an order that no scan has: rounded
    columns = partial(_contracted_columns, [inputs.index(letters[axis]) for axis in contracted])
    return Layer("", {}, (Site("kernel", scan, 1, columns, len(outputs)),), _einsum_bias(layer, result))


def _einsum_bias(layer: Any, result: str) -> str | None:
    """A bias over the last axis alone can take up a shift of the mean."""
    return "bias" if layer.bias_axes == result[-1] else None


def _contracted_columns(axes: Sequence[int], x: np.ndarray, pick: Pick) -> np.ndarray:
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    kept = moved.ndim - len(axes)
    return dense_columns(moved.reshape(*moved.shape[:kept], -1), pick)


def _conv(layer: Any, scan: str) -> Layer:
    site = Site("kernel", scan, layer.groups, _conv_columns(layer, layer.groups))
    return Layer("", {}, (site,), "bias", _channel_axis(layer))


def _depthwise(layer: Any, scan: str) -> Layer:
    channels = layer.kernel.shape[-2]
    site = Site("kernel", scan, channels, _conv_columns(layer, channels), output_axes=2)
    return Layer("", {}, (site,), "bias", _channel_axis(layer))


def _conv_columns(layer: Any, groups: int) -> Columns:
    kernel, strides, dilation = map(tuple, (layer.kernel_size, layer.strides, layer.dilation_rate))
    padding = partial(_padding, layer.padding, kernel, strides, dilation)
    return ConvColumns(kernel, strides, dilation, padding, groups, layer.data_format == "channels_first")


def _padding(
    kind: str, kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int], sizes: tuple[int, ...]
) -> list[tuple[int, int]]:
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    return [padding_amounts(*axis, kind) for axis in zip(sizes, extents, strides, strict=True)]


def _channel_axis(layer: Any) -> int:
    return 1 if layer.data_format == "channels_first" else -1


def _batch_norm(layer: Any, _: str) -> Layer:
    norm = Norm("moving_mean", "moving_variance", "gamma", layer.epsilon) if layer.scale else None
    return Layer("", {}, (), "beta", layer.axis, norm)


def _layer_norm(layer: Any, _: str) -> Layer:
    return Layer("", {}, (), "beta" if layer.beta is not None and len(layer.beta.shape) == 1 else None)


def _recurrent(layer: Any, scan: str) -> Layer:
    """The input's kernel; the recurrent one meets states that no hook sees, and is rounded."""
    return Layer("", {}, (Site(f"{layer.cell.name}/kernel", scan, 1, dense_columns),))


# Class of a layer -> what it is; every other one has no sites: its weights are rounded.
LAYERS: dict[str, Callable[[Any, str], Layer]] = {
    "BatchNormalization": _batch_norm,
    "Conv1D": _conv,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "EinsumDense": _einsum_dense,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "LayerNormalization": _layer_norm,
    "SimpleRNN": _recurrent,
}


def layer_of(layer: Any, names: Mapping[int, str], scans: Mapping[int, str]) -> Layer:
    """The layer's description, with its variables named by the end of their paths."""
    local = {variable.path.removeprefix(f"{layer.path}/"): variable for variable in layer.weights}
    local = {local_name(path, layer): variable for path, variable in local.items()}
    tensors = {name: names[id(variable)] for name, variable in local.items()}
    kernel = next((v for name, v in local.items() if name.rpartition("/")[2] == "kernel"), None)
    scan = scans[id(kernel)] if kernel is not None else "as_is"
    describe = LAYERS.get(type(layer).__name__)
    known = describe(layer, scan) if describe else Layer("", {})
    sites = tuple(site for site in known.sites if site.variable in local)
    additive = known.additive if known.additive in local else None
    linear = getattr(layer, "activation", None) in (None, keras.activations.linear)
    return replace(known, name=layer.path, tensors=tensors, sites=sites, additive=additive, linear=linear)


def local_name(path: str, layer: Any) -> str:
    """A variable's name below its layer: "kernel", or "lstm_cell/kernel" for one that its cell holds."""
    pieces = path.split("/")
    cell = getattr(layer, "cell", None)
    return "/".join(pieces[-2:]) if cell is not None and len(pieces) > 1 else pieces[-1]
