"""torch modules, opened at their leaves: modules without children that own parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from ...errors import OptionError
from ...frontends import find_frontend
from ..sites import ConvColumns, Site, dense_columns
from .protocol import Call, Inputs, Layer, Norm, Observe, Operation, Replaced, Visit
from .structures import joined, mapped, on_axis, tensors_in

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


def _batch_norm(module: Any) -> Layer:
    tracked = module.track_running_stats and module.affine
    norm = Norm("running_mean", "running_var", "weight", module.eps) if tracked else None
    return Layer("", {}, (), "bias", channel_axis=1, norm=norm)


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
    input_shape: ClassVar[None] = None  # a module does not tell
    observes_all: ClassVar[bool] = True

    def __init__(self, model: Any) -> None:
        self._model = model
        leaves = [(name, m) for name, m in model.named_modules() if _is_leaf(m)]
        self._modules = [module for _, module in leaves]
        self.layers: Sequence[Layer] = [_layer_of(name, module) for name, module in leaves]

    def run(self, inputs: Inputs, visit: Visit | None = None, observe: Observe | None = None) -> np.ndarray:
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(_evaluating(self._model))
            watch = None if observe is None else stack.enter_context(_Watch(observe))
            if visit is not None or watch is not None:
                for module, layer in zip(self._modules, self.layers, strict=True):
                    stack.enter_context(_visited(module, layer, visit or _as_it_is, watch, len(inputs)))
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
        return np.asarray(next(tensors_in(value, torch.is_tensor)).detach().cpu().float().numpy())

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


class _Watch(TorchFunctionMode):  # type: ignore[misc]
    """Tells of every function of torch that takes or gives tensors, but not of those inside a layer."""

    SUMS: ClassVar[frozenset[str]] = frozenset({"add", "add_", "__add__", "__radd__", "__iadd__"})

    def __init__(self, observe: Observe) -> None:
        super().__init__()
        self.observe, self.inside = observe, False

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if not self.inside:
            self.tell(None, (args, kwargs or {}), result, sums=function.__name__ in self.SUMS)
        return result

    def tell(self, layer: Layer | None, arguments: Any, result: Any, *, sums: bool = False) -> None:
        """Of an operation, if a tensor comes out of it."""
        results = tuple(tensors_in(result, torch.is_tensor))
        if results:
            self.observe(Operation(layer, sums, tuple(tensors_in(arguments, torch.is_tensor)), results))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside a layer."""
        before, self.inside = self.inside, True
        try:
            yield
        finally:
            self.inside = before


def _as_it_is(call: Call) -> Any:
    return call.output({})


@contextmanager
def _visited(module: Any, layer: Layer, visit: Visit, watch: _Watch | None, samples: int) -> Iterator[None]:
    """The module's forward stands aside for `visit`, and is back afterwards."""
    own = module.__dict__.get("forward")
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        with nullcontext() if watch is None else watch.paused():
            result = visit(_TorchCall(layer, module, original, args, kwargs, samples))
        if watch is not None:
            watch.tell(layer, (args, kwargs), result)
        return result

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
        return next(tensors_in((self.args, dict(self.kwargs)), torch.is_tensor))

    def halves(self) -> tuple[Call, Call]:
        return self._half(0), self._half(1)

    def _half(self, side: int) -> Call:
        args = mapped(self.args, partial(self.half, side=side), torch.is_tensor)
        kwargs = {k: mapped(v, partial(self.half, side=side), torch.is_tensor) for k, v in self.kwargs.items()}
        return replace(self, args=args, kwargs=kwargs, samples=self.samples // 2)

    def half(self, tensor: Any, side: int) -> Any:
        axis = _batch_axis(tensor.shape, self.samples)
        return tensor if axis is None else tensor.chunk(2, dim=axis)[side]

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

    def shifted(self, result: Any, shift: np.ndarray) -> Any:
        if not torch.is_tensor(result):
            return None
        added = torch.from_numpy(on_axis(shift, result.ndim, self.layer.channel_axis))
        return result + added.to(result.device, result.dtype)

    def joined(self, first: Any, second: Any) -> Any:
        return joined(first, second, self._joined_tensors, torch.is_tensor)

    def _joined_tensors(self, first: Any, second: Any) -> Any:
        axis = _batch_axis(first.shape, self.samples // 2)
        return first if axis is None else torch.cat([first, second], dim=axis)


def _batch_axis(shape: Sequence[int], samples: int) -> int | None:
    """The axis that holds the samples: the first or second whose size is a multiple of their number."""
    return next((axis for axis in (0, 1) if axis < len(shape) and shape[axis] and shape[axis] % samples == 0), None)
