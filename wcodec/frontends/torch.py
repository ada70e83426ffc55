"""torch modules and state_dicts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from ..errors import UnsupportedTypeError
from .loading import Slot, matched
from .normal import normal
from .protocol import NamedTensor, WithoutGraph

# torch dtype -> (integer dtype of the same width, numpy dtype): torch gives numpy no such floats, so bits are viewed.
_VIEWED = {
    "bfloat16": ("int16", np.dtype(ml_dtypes.bfloat16)),
    "float8_e4m3fn": ("uint8", np.dtype(ml_dtypes.float8_e4m3fn)),
    "float8_e5m2": ("uint8", np.dtype(ml_dtypes.float8_e5m2)),
}


class Torch(WithoutGraph):
    """A module's state_dict, or a mapping that holds torch tensors. Laid out as coders like it: (out, in, kernel)."""

    name: ClassVar[str] = "torch"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def accepts(self, model: Any) -> bool:
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "nn"):
            return False
        if isinstance(model, Mapping):
            return any(isinstance(value, torch.Tensor) for value in model.values())
        return isinstance(model, torch.nn.Module)

    def tensors(self, model: Any) -> Iterator[NamedTensor]:
        for name, value in _state(model).items():
            yield NamedTensor(name, _to_numpy(name, value))

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Copy into the tensors in place, so that a module sees a load into its state_dict."""
        import torch

        state = _state(model)
        for name, value in state.items():
            if not isinstance(value, torch.Tensor):
                raise UnsupportedTypeError(f"a {type(value).__name__} cannot be assigned in place", tensor=name)
        # One array at a time is enough to know shape and dtype.
        slots = {name: _slot(_to_numpy(name, value)) for name, value in state.items()}
        fitting = matched(slots, tensors)
        with torch.no_grad():
            for name, array in fitting.items():
                state[name].copy_(_from_numpy(array))


def _state(model: Any) -> Mapping[str, Any]:
    return model if isinstance(model, Mapping) else model.state_dict()


def _slot(array: np.ndarray) -> Slot:
    return Slot(array.shape, array.dtype)


def _to_numpy(name: str, value: Any) -> np.ndarray:
    """A tensor's elements, bit for bit; anything that is no tensor goes the way of arrays."""
    import torch

    if not isinstance(value, torch.Tensor):
        return normal(name, value)
    if torch.nn.parameter.is_lazy(value) or value.is_meta:
        raise UnsupportedTypeError("the tensor has no data yet: run the module once", tensor=name)
    if value.layout is not torch.strided or value.is_quantized:
        raise UnsupportedTypeError(f"a {value.layout} tensor of {value.dtype} is not supported", tensor=name)
    dtype = str(value.dtype).removeprefix("torch.")
    plain = value.detach().cpu().resolve_conj().resolve_neg()
    try:
        if dtype in _VIEWED:
            integer, extended = _VIEWED[dtype]
            return normal(name, plain.contiguous().view(getattr(torch, integer)).numpy().view(extended))
        return normal(name, plain.numpy())
    except TypeError as e:
        raise UnsupportedTypeError(f"dtype {value.dtype} is not supported", tensor=name) from e


def _from_numpy(array: np.ndarray) -> Any:
    """A tensor of a copy: torch warns of arrays that it may not write to."""
    import torch

    for name, (integer, extended) in _VIEWED.items():
        if array.dtype == extended:
            return torch.tensor(array.view(integer)).view(getattr(torch, name))
    return torch.tensor(array)
