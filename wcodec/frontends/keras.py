"""Keras 3 models of any backend, and models in training with the wrappers of `wcodec.train`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..errors import UnsupportedTypeError
from ..factorizations import FactoredWeight
from .loading import Slot, matched
from .normal import normal
from .protocol import AsItIs, NamedTensor


class Keras(AsItIs):
    """Weights under the names of `wcodec.train.variables.variable_names`.

    A wrapper gives the weights of its inner model as they were trained: factored, and with their steps if it has any.
    """

    name: ClassVar[str] = "keras"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def accepts(self, model: Any) -> bool:
        keras = sys.modules.get("keras")
        return isinstance(model, getattr(keras, "Layer", ()))

    def tensors(self, model: Any) -> Iterator[NamedTensor]:
        from .keras_scans import scan_of_each

        inner = _inner(model)
        scans = scan_of_each(inner)
        if inner is not model:
            factored = model.factored_weights()
            for name, variable in _variables(inner):
                yield NamedTensor(name, _in_dtype_of(variable, name, factored[name]), scans[id(variable)])
            return
        for name, variable in _variables(model):
            yield NamedTensor(name, _value(name, variable), scans[id(variable)])

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        """Assign to the variables; the names are those that `tensors` gives."""
        if _inner(model) is not model:
            raise UnsupportedTypeError("decoded weights cannot be assigned to latents: load into model.finalize()")
        from ..train.storage import restore

        variables = dict(_variables(model))
        slots = {name: Slot(tuple(v.shape), dtype_of_variable(v, name)) for name, v in variables.items()}
        for name, array in matched(slots, tensors).items():
            restore(variables[name], model, array)

    def graph(self, model: Any) -> dict[int, Any]:
        from .keras_graph import graph_of

        return graph_of(_inner(model)).to_wire()


def _inner(model: Any) -> Any:
    """The model that a wrapper runs, or `model` itself."""
    return model.inner if hasattr(model, "factored_weights") else model


def _variables(model: Any) -> list[tuple[str, Any]]:
    from ..train.variables import variable_names

    if not model.built:
        raise UnsupportedTypeError(
            f"the model {model.name!r} is not built, it has no weights yet: give it an Input or call it on data once"
        )
    return variable_names(model)


def dtype_of_variable(variable: Any, name: str) -> np.dtype:
    """As the format has it; UnsupportedTypeError where it has none."""
    import ml_dtypes  # noqa: F401  numpy then knows the names of its types

    return normal(name, np.empty(0, variable.dtype)).dtype


def _in_dtype_of(variable: Any, name: str, value: Any) -> Any:
    """A factor is float32; the weight it stands for has the dtype of its variable."""
    if not isinstance(value, FactoredWeight):
        return value
    return replace(value, dtype=dtype_of_variable(variable, name))


def _value(name: str, variable: Any) -> np.ndarray:
    import keras

    return normal(name, keras.ops.convert_to_numpy(variable.value))
