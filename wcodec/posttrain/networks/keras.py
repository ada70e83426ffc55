"""Keras 3 models of any backend, opened at their layers that own weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np

from ...errors import OptionError, UnsupportedTypeError
from ...frontends import find_frontend
from ...frontends.keras_scans import scan_of_each
from ...runtime.windows import padding_amounts
from ...scans import SCANS
from ...train.variables import variable_names
from ..sites import Columns, ConvColumns, Pick, Site, dense_columns
from .protocol import Call, Inputs, Layer, Replaced, Visit

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
    return Layer("", {}, (), "beta", layer.axis)


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


class KerasNetwork:
    """A built model, called with training=False."""

    framework: ClassVar[str] = "keras"
    channels_first: ClassVar[bool] = False

    def __init__(self, model: Any) -> None:
        if hasattr(model, "factored_weights"):
            raise UnsupportedTypeError("a compressible model is quantized by training: encode it without calibration")
        self._model = model
        names = {id(variable): name for name, variable in variable_names(model)}
        scans = scan_of_each(model)
        self._opened = [layer for layer in _owners(model) if layer.weights]
        self.layers: Sequence[Layer] = [_layer_of(layer, names, scans) for layer in self._opened]

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        shape: Any = getattr(self._model, "input_shape", None)
        shape = shape[0] if isinstance(shape, list) and len(shape) == 1 else shape
        known = isinstance(shape, tuple) and len(shape) == 4 and all(isinstance(size, int) for size in shape[1:])
        return shape[1:] if known else None

    def run(self, inputs: Inputs, visit: Visit | None = None) -> np.ndarray:
        with ExitStack() as stack:
            if visit is not None:
                for opened, layer in zip(self._opened, self.layers, strict=True):
                    stack.enter_context(_visited(opened, layer, visit, len(inputs)))
            return self.to_numpy(self._call(inputs))

    def _call(self, inputs: Inputs) -> Any:
        tensors = [keras.ops.convert_to_tensor(a) for a in inputs.arrays]
        given: Any = dict(zip(inputs.names, tensors, strict=True)) if inputs.names else tensors
        listed = inputs.names or len(tensors) > 1 or isinstance(getattr(self._model, "input", None), list)
        try:
            return self._model(given if listed else given[0], training=False)
        except (ValueError, TypeError, KeyError, RuntimeError, IndexError) as e:
            shapes = ", ".join(f"{a.shape} {a.dtype}" for a in inputs.arrays)
            raise OptionError(f"the model does not take calibration inputs of {shapes}: {e}") from e

    def to_numpy(self, value: Any) -> np.ndarray:
        return np.asarray(keras.ops.convert_to_numpy(_first_tensor(value)), np.float32)

    @contextmanager
    def loaded(self, tensors: Mapping[str, np.ndarray]) -> Iterator[Any]:
        frontend = find_frontend(self._model)
        before = {t.name: np.array(t.value) for t in frontend.tensors(self._model)}
        try:
            frontend.load(self._model, tensors)
            yield self._model
        finally:
            frontend.load(self._model, before)


def _owners(layer: Any) -> Iterator[Any]:
    """Layers below a model that run as one."""
    parts = layer.layers if isinstance(layer, keras.Model) else _parts(layer)
    if not parts:
        yield layer
    for part in parts:
        yield from _owners(part)


def _parts(layer: Any) -> list[Any]:
    return [getattr(layer, name) for name in PARTS.get(type(layer).__name__, ())]


def _layer_of(layer: Any, names: Mapping[int, str], scans: Mapping[int, str]) -> Layer:
    """The layer's description, with its variables named by the end of their paths."""
    local = {variable.path.removeprefix(f"{layer.path}/"): variable for variable in layer.weights}
    local = {_local_name(path, layer): variable for path, variable in local.items()}
    tensors = {name: names[id(variable)] for name, variable in local.items()}
    kernel = next((v for name, v in local.items() if name.rpartition("/")[2] == "kernel"), None)
    scan = scans[id(kernel)] if kernel is not None else "as_is"
    describe = LAYERS.get(type(layer).__name__)
    known = describe(layer, scan) if describe else Layer("", {})
    sites = tuple(site for site in known.sites if site.variable in local)
    additive = known.additive if known.additive in local else None
    return replace(known, name=layer.path, tensors=tensors, sites=sites, additive=additive)


def _local_name(path: str, layer: Any) -> str:
    """A variable's name below its layer: "kernel", or "lstm_cell/kernel" for one that its cell holds."""
    pieces = path.split("/")
    cell = getattr(layer, "cell", None)
    return "/".join(pieces[-2:]) if cell is not None and len(pieces) > 1 else pieces[-1]


@contextmanager
def _visited(opened: Any, layer: Layer, visit: Visit, samples: int) -> Iterator[None]:
    """The layer's call stands aside for `visit`, and is back afterwards."""
    original = opened.call

    def call(*args: Any, **kwargs: Any) -> Any:
        return visit(_KerasCall(layer, opened, original, args, kwargs, samples))

    opened.call = call
    try:
        yield
    finally:
        del opened.call


@dataclass(frozen=True)
class _KerasCall:
    layer: Layer
    opened: Any
    original: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    samples: int  # of the batch that the network runs on

    @property
    def argument(self) -> Any:
        return _first_tensor((self.args, tuple(self.kwargs.values())))

    def halves(self) -> tuple[Call, Call]:
        first, second = (
            replace(
                self,
                args=tuple(_half(a, self.samples, side) for a in self.args),
                kwargs={k: _half(a, self.samples, side) for k, a in self.kwargs.items()},
                samples=self.samples // 2,
            )
            for side in (0, 1)
        )
        return first, second

    def output(self, replaced: Replaced) -> Any:
        if not replaced:
            return self.original(*self.args, **self.kwargs)
        path = self.opened.path
        by_name = {_local_name(v.path.removeprefix(f"{path}/"), self.opened): v for v in self.opened.weights}
        values = [(by_name[name], keras.ops.convert_to_tensor(v, by_name[name].dtype)) for name, v in replaced.items()]
        with keras.StatelessScope(state_mapping=values):
            return self.original(*self.args, **self.kwargs)

    def joined(self, first: Any, second: Any) -> Any:
        if keras.ops.is_tensor(first):
            axis = _has_samples(first, self.samples // 2)
            return keras.ops.concatenate([first, second], axis=0) if axis else first
        if isinstance(first, tuple | list):
            return type(first)(self.joined(a, b) for a, b in zip(first, second, strict=True))
        return first


def _has_samples(value: Any, samples: int) -> bool:
    """Whether the first axis holds the samples of the batch (several rows a sample where a layer above folded axes)."""
    return bool(len(value.shape) and value.shape[0] and value.shape[0] % samples == 0)


def _half(value: Any, samples: int, side: int) -> Any:
    if keras.ops.is_tensor(value):
        if not _has_samples(value, samples):
            return value
        middle = value.shape[0] // 2
        return value[middle:] if side else value[:middle]
    if isinstance(value, tuple | list):
        return type(value)(_half(v, samples, side) for v in value)
    return value


def _first_tensor(value: Any) -> Any:
    """The first tensor of nested tuples, lists and mappings."""
    if keras.ops.is_tensor(value):
        return value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return next((found for item in items if (found := _first_tensor(item)) is not None), None)
