"""Letting go of the memory of a Keras variable whose value is computed from others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import keras

from ..errors import UnfinishedError


def release(variable: keras.Variable, root: keras.Layer, name: str) -> None:
    """Free the tensor of a variable; whoever reads it from now on is told.

    Args:
        variable: stays a variable of its layer, with its shape and dtype but without a value.
        root: the outermost layer that holds it; as torch modules, it and the layers below keep references of their own.
        name: of the weight, for the error.
    """

    def gone(*_args: Any, **_kwargs: Any) -> Any:
        raise UnfinishedError("its dense form is gone, it is trained as factors: call finalize() first", tensor=name)

    for layer in _torch_modules(root):
        if layer.torch_params.get(variable.path) is variable._value:
            layer._post_untrack_variable(variable)
    variable._value = None
    variable._initializer = gone  # Keras asks the initializer of a variable that has no value yet


def restore(variable: keras.Variable, root: keras.Layer, value: Any) -> None:
    """Give a released variable a tensor again; one that has a tensor is assigned."""
    if not is_released(variable):
        variable.assign(value)
        return
    variable._initialize(keras.ops.convert_to_tensor(value, dtype=variable.dtype))
    variable._initializer = None
    for layer in _torch_modules(root):
        if any(v is variable for v in layer.weights):
            layer._post_track_variable(variable)


def is_released(variable: keras.Variable) -> bool:
    """Whether `release` has taken its tensor."""
    return variable._value is None


def without(ids: Collection[int], variables: Iterable[keras.Variable]) -> list[keras.Variable]:
    """The variables whose id is not among `ids`."""
    return [v for v in variables if id(v) not in ids]


def _torch_modules(root: keras.Layer) -> list[keras.Layer]:
    """On the torch backend the layers from `root` down, else none."""
    if keras.backend.backend() != "torch":
        return []
    # Keras does not list the Functional inside a Sequential, torch not the layers that Keras keeps in lists.
    found = {id(m): m for layer in root._flatten_layers() for m in layer.modules() if isinstance(m, keras.Layer)}
    return list(found.values())
