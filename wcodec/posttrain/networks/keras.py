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
from ...train.variables import variable_names
from .keras_layers import PARTS, layer_of, local_name
from .protocol import Call, Inputs, Layer, Observe, Operation, Replaced, Visit
from .structures import joined, mapped, on_axis, tensors_in


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
        self.layers: Sequence[Layer] = [layer_of(layer, names, scans) for layer in self._opened]
        self._plain = [
            layer for layer in _owners(model) if not layer.weights and not isinstance(layer, keras.layers.InputLayer)
        ]

    @property
    def observes_all(self) -> bool:
        return _is_graph_of_layers(self._model)

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        shape: Any = getattr(self._model, "input_shape", None)
        shape = shape[0] if isinstance(shape, list) and len(shape) == 1 else shape
        known = isinstance(shape, tuple) and len(shape) > 1 and all(isinstance(size, int) for size in shape[1:])
        return shape[1:] if known else None

    def run(self, inputs: Inputs, visit: Visit | None = None, observe: Observe | None = None) -> np.ndarray:
        with ExitStack() as stack:
            if visit is not None or observe is not None:
                for opened, layer in zip(self._opened, self.layers, strict=True):
                    called = partial(_visit, visit or _as_it_is, observe, opened, layer, len(inputs))
                    stack.enter_context(_standing_in(opened, called))
            if observe is not None:
                for opened in self._plain:
                    stack.enter_context(_standing_in(opened, partial(_watch, observe, opened)))
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
        return np.asarray(keras.ops.convert_to_numpy(next(tensors_in(value, keras.ops.is_tensor))), np.float32)

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


def _is_graph_of_layers(model: Any) -> bool:
    """Whether the model is a graph whose nodes are layers that run as one, all the way down."""
    operations = getattr(model, "operations", None)  # of functional and sequential models
    if operations is None:
        return False
    nested = [operation for operation in operations if isinstance(operation, keras.Model)]
    plain = [operation for operation in operations if not isinstance(operation, keras.Model)]
    return all(isinstance(o, keras.layers.Layer) and not _parts(o) for o in plain) and all(
        _is_graph_of_layers(m) for m in nested
    )


def _as_it_is(call: Call) -> Any:
    return call.output({})


Original = Callable[..., Any]


@contextmanager
def _standing_in(opened: Any, called: Callable[..., Any]) -> Iterator[None]:
    """The layer's call stands aside for `called`, which is given it, and is back afterwards."""
    original = opened.call

    def call(*args: Any, **kwargs: Any) -> Any:
        return called(original, args, kwargs)

    opened.call = call
    try:
        yield
    finally:
        del opened.call


def _visit(
    visit: Visit, observe: Observe | None, opened: Any, layer: Layer, samples: int, original: Original, args: Any,
    kwargs: Any,
) -> Any:  # fmt: skip
    result = visit(_KerasCall(layer, opened, original, args, kwargs, samples))
    if observe is not None:
        observe(_operation(layer, (args, kwargs), result))
    return result


def _watch(observe: Observe, opened: Any, original: Original, args: Any, kwargs: Any) -> Any:
    result = original(*args, **kwargs)
    observe(_operation(None, (args, kwargs), result, sums=isinstance(opened, keras.layers.Add)))
    return result


def _operation(layer: Layer | None, arguments: Any, result: Any, *, sums: bool = False) -> Operation:
    found = (tuple(tensors_in(part, keras.ops.is_tensor)) for part in (arguments, result))
    return Operation(layer, sums, *found)


@dataclass(frozen=True)
class _KerasCall:
    layer: Layer
    opened: Any
    original: Original
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    samples: int  # of the batch that the network runs on

    @property
    def argument(self) -> Any:
        return next(tensors_in((self.args, dict(self.kwargs)), keras.ops.is_tensor))

    def halves(self) -> tuple[Call, Call]:
        return self._half(0), self._half(1)

    def _half(self, side: int) -> Call:
        args = mapped(self.args, partial(self.half, side=side), keras.ops.is_tensor)
        kwargs = {k: mapped(v, partial(self.half, side=side), keras.ops.is_tensor) for k, v in self.kwargs.items()}
        return replace(self, args=args, kwargs=kwargs, samples=self.samples // 2)

    def half(self, tensor: Any, side: int) -> Any:
        if not _has_samples(tensor, self.samples):
            return tensor
        middle = tensor.shape[0] // 2
        return tensor[middle:] if side else tensor[:middle]

    def output(self, replaced: Replaced) -> Any:
        if not replaced:
            return self.original(*self.args, **self.kwargs)
        path = self.opened.path
        by_name = {local_name(v.path.removeprefix(f"{path}/"), self.opened): v for v in self.opened.weights}
        values = [(by_name[name], keras.ops.convert_to_tensor(v, by_name[name].dtype)) for name, v in replaced.items()]
        with keras.StatelessScope(state_mapping=values):
            return self.original(*self.args, **self.kwargs)

    def shifted(self, result: Any, shift: np.ndarray) -> Any:
        if not keras.ops.is_tensor(result):
            return None
        added = on_axis(shift, len(result.shape), self.layer.channel_axis)
        return result + keras.ops.convert_to_tensor(added, result.dtype)

    def joined(self, first: Any, second: Any) -> Any:
        return joined(first, second, self._joined_tensors, keras.ops.is_tensor)

    def _joined_tensors(self, first: Any, second: Any) -> Any:
        return keras.ops.concatenate([first, second], axis=0) if _has_samples(first, self.samples // 2) else first


def _has_samples(value: Any, samples: int) -> bool:
    """Whether the first axis holds the samples of the batch (several rows a sample where a layer above folded axes)."""
    return bool(len(value.shape) and value.shape[0] and value.shape[0] % samples == 0)
