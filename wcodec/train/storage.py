"""Keras variables without memory: their values are computed from others, or come when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import keras
from keras.src.backend.common import global_state

from ..errors import UnfinishedError, WczError


def release(variable: keras.Variable, root: keras.Layer, gone: WczError) -> None:
    """Free the tensor of a variable, where it has one.

    Args:
        variable: stays a variable of its layer, with its shape and dtype but without a value.
        root: the outermost layer that holds it; as torch modules, it and the layers below keep references of their own.
        gone: what reading it raises from now on.
    """
    if not is_released(variable):
        for layer in _torch_modules(root):
            if layer.torch_params.get(variable.path) is variable._value:
                layer._post_untrack_variable(variable)

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise gone.with_traceback(None)

    variable._value = None
    variable._initializer = refuse  # Keras asks the initializer of a variable that has no value yet


def built_without_weights(build: Callable[[], keras.Model]) -> keras.Model:
    """What `build` returns, its weights never initialized; `release` or `restore` each of them.

    Args:
        build: makes a model that is not compiled, its variables from initializers.
    """
    # Keras initializes what is listed here whenever an outermost StatelessScope ends.
    waiting = global_state.get_global_attribute("uninitialized_variables", [], set_to_default=True)
    count = len(waiting)
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = build()
    finally:
        made, waiting[count:] = waiting[count:], []
    weights = {id(variable) for variable in model.weights}
    for variable in made:
        if id(variable) not in weights:
            variable._deferred_initialize()  # the state of a random generator
    return model


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


def dense_form_gone(name: str) -> WczError:
    """What reading a weight that is trained as its factors raises."""
    return UnfinishedError("its dense form is gone, it is trained as factors: call finalize() first", tensor=name)


def is_released(variable: keras.Variable) -> bool:
    """Whether it has no tensor."""
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
