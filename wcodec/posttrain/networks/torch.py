"""torch modules, opened at their leaves: modules without children that own parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from ...errors import OptionError
from ...frontends import find_frontend
from ..sites import ConvColumns, Site, dense_columns
from .protocol import Call, Inputs, Layer, Replaced, Visit

_PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _linear(_: Any) -> Layer:
    return Layer("", {}, (Site("weight", "as_is", 1, dense_columns),), "bias")


def _conv(module: Any) -> Layer:
    columns = ConvColumns(
        tuple(module.kernel_size),
        tuple(module.stride),
        tuple(module.dilation),
        partial(_padding, module),
        module.groups,
        channels_first=True,
        pad_mode=_PAD_MODES[module.padding_mode],
    )
    return Layer("", {}, (Site("weight", "as_is", module.groups, columns),), "bias", channel_axis=1)


def _padding(module: Any, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """ "same" makes as many windows as elements (stride 1), the odd element goes after."""
    if module.padding == "valid":
        return [(0, 0)] * len(sizes)
    if module.padding == "same":
        totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(p, p) for p in module.padding]


def _batch_norm(_: Any) -> Layer:
    return Layer("", {}, (), "bias", channel_axis=1)


def _layer_norm(module: Any) -> Layer:
    return Layer("", {}, (), "bias" if len(module.normalized_shape) == 1 else None)


# Class of a module -> what its layer is; every other leaf has no sites: its weights are rounded.
LAYERS: dict[str, Callable[[Any], Layer]] = {
    "Linear": _linear,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "Conv3d": _conv,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "BatchNorm3d": _batch_norm,
    "LayerNorm": _layer_norm,
}


class TorchNetwork:
    """A module in evaluation mode; the training flags are as they were afterwards."""

    framework: ClassVar[str] = "torch"
    channels_first: ClassVar[bool] = True
    image_shape: ClassVar[None] = None  # a module does not tell

    def __init__(self, model: Any) -> None:
        self._model = model
        leaves = [(name, m) for name, m in model.named_modules() if _is_leaf(m)]
        self._modules = [module for _, module in leaves]
        self.layers: Sequence[Layer] = [_layer_of(name, module) for name, module in leaves]

    def run(self, inputs: Inputs, visit: Visit | None = None) -> np.ndarray:
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(_evaluating(self._model))
            if visit is not None:
                for module, layer in zip(self._modules, self.layers, strict=True):
                    stack.enter_context(_visited(module, layer, visit, len(inputs)))
            return self.to_numpy(self._call(inputs))

    def _call(self, inputs: Inputs) -> Any:
        device = next((p.device for p in self._model.parameters()), torch.device("cpu"))
        tensors = [torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in inputs.arrays]
        try:
            if inputs.names:
                return self._model(**dict(zip(inputs.names, tensors, strict=True)))
            return self._model(*tensors)
        except (RuntimeError, TypeError, ValueError, IndexError) as e:
            shapes = ", ".join(f"{a.shape} {a.dtype}" for a in inputs.arrays)
            raise OptionError(f"the model does not take calibration inputs of {shapes}: {e}") from e

    def to_numpy(self, value: Any) -> np.ndarray:
        return np.asarray(_first_tensor(value).detach().cpu().float().numpy())

    @contextmanager
    def loaded(self, tensors: Mapping[str, np.ndarray]) -> Iterator[Any]:
        frontend = find_frontend(self._model)
        before = {t.name: np.array(t.value) for t in frontend.tensors(self._model)}
        try:
            frontend.load(self._model, tensors)
            with _evaluating(self._model):
                yield self._model
        finally:
            frontend.load(self._model, before)


def _is_leaf(module: Any) -> bool:
    return not any(True for _ in module.children()) and any(True for _ in module.parameters(recurse=False))


def _layer_of(name: str, module: Any) -> Layer:
    owned = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
    tensors = {variable: f"{name}.{variable}" if name else variable for variable in owned}
    layer = LAYERS.get(type(module).__name__, lambda _: Layer("", {}))(module)
    return replace(layer, name=name, tensors=tensors, additive=layer.additive if layer.additive in owned else None)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _visited(module: Any, layer: Layer, visit: Visit, samples: int) -> Iterator[None]:
    """The module's forward stands aside for `visit`, and is back afterwards."""
    own = module.__dict__.get("forward")
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        return visit(_TorchCall(layer, module, original, args, kwargs, samples))

    module.forward = forward
    try:
        yield
    finally:
        _restore(module, own)


def _restore(module: Any, own: Any) -> None:
    if own is None:
        del module.forward
    else:
        module.forward = own


@dataclass(frozen=True)
class _TorchCall:
    layer: Layer
    module: Any
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
        visited = self.module.forward
        self.module.forward = self.original
        try:
            if not replaced:
                return self.original(*self.args, **self.kwargs)
            owned = dict(self.module.named_parameters()) | dict(self.module.named_buffers())
            values = {k: torch.from_numpy(v).to(owned[k].device, owned[k].dtype) for k, v in replaced.items()}
            return torch.func.functional_call(self.module, values, self.args, dict(self.kwargs))
        finally:
            self.module.forward = visited

    def joined(self, first: Any, second: Any) -> Any:
        if isinstance(first, torch.Tensor):
            axis = _batch_axis(first.shape, self.samples // 2)
            return first if axis is None else torch.cat([first, second], dim=axis)
        if isinstance(first, tuple | list):
            return type(first)(self.joined(a, b) for a, b in zip(first, second, strict=True))
        return first


def _batch_axis(shape: Sequence[int], samples: int) -> int | None:
    """The axis that holds the samples: the first or second whose size is a multiple of their number."""
    return next((axis for axis in (0, 1) if axis < len(shape) and shape[axis] and shape[axis] % samples == 0), None)


def _half(value: Any, samples: int, side: int) -> Any:
    if isinstance(value, torch.Tensor):
        axis = _batch_axis(value.shape, samples)
        return value if axis is None else value.chunk(2, dim=axis)[side]
    if isinstance(value, tuple | list):
        return type(value)(_half(v, samples, side) for v in value)
    return value


def _first_tensor(value: Any) -> Any:
    """The first tensor of nested tuples, lists and mappings."""
    if isinstance(value, torch.Tensor):
        return value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return next((found for item in items if (found := _first_tensor(item)) is not None), None)
