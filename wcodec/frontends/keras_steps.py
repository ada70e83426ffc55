"""A Sequential or Functional Keras model as a list of steps, each the call of one layer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras

from ..errors import UnsupportedTypeError
from .keras_calls import Calls, Source

INPUTS = 0  # number of the step that makes the model's inputs; `Steps.steps[i]` has number i + 1


@dataclass(frozen=True)
class Value:
    """One output of a step, or what it gives as a whole where `output` is None."""

    step: int
    output: int | None = None

    def of(self, made: Mapping[int, Any]) -> Any:
        """The tensor; `made` has what each step gave."""
        whole = made[self.step]
        return whole if self.output is None else keras.tree.flatten(whole)[self.output]


@dataclass(frozen=True)
class Step:
    """One call of one layer, or of a function of keras.ops.

    Attributes:
        operation: what is called.
        args, kwargs: its arguments, nested, with a `Value` for each tensor.
    """

    operation: Any
    args: Any
    kwargs: Mapping[str, Any]

    @property
    def weights(self) -> list[keras.Variable]:
        """Of the layer; a function has none."""
        return list(getattr(self.operation, "weights", ()))

    def values(self) -> list[Value]:
        """The tensors among the arguments."""
        return _values((self.args, self.kwargs))

    def run(self, made: Mapping[int, Any]) -> Any:
        """Call it; `made` has what the steps before it gave."""

        def filled(leaf: Any) -> Any:
            return leaf.of(made) if isinstance(leaf, Value) else leaf

        args, kwargs = (keras.tree.map_structure(filled, part) for part in (self.args, dict(self.kwargs)))
        return self.operation(*args, **kwargs)


class Steps:
    """What a model computes at inference, one layer after another.

    Models within it are taken apart where they are Sequential or Functional; whatever else holds layers (a
    Bidirectional, a subclassed model) is one step.

    Attributes:
        steps: in an order in which they can run.
        outputs: of the model.
    """

    def __init__(self, model: keras.Model) -> None:
        """Take a built model apart.

        Raises:
            UnsupportedTypeError: neither Sequential nor Functional, or a layer without get_config.
        """
        self.steps: list[Step] = []
        if not _has_parts(model):
            raise UnsupportedTypeError(
                f"model {model.name!r} ({type(model).__name__}) is neither Sequential nor Functional: "
                "how its layers hang together is code"
            )
        self.outputs = self._model(model, [Value(INPUTS, i) for i in range(len(model.inputs))])

    def last_uses(self) -> dict[int, list[int]]:
        """Number of a step -> the steps whose outputs nothing needs any more after it."""
        last = {number: number for number in range(1, len(self.steps) + 1)}
        last |= {value.step: number for number, step in enumerate(self.steps, 1) for value in step.values()}
        dies: dict[int, list[int]] = {}
        for made in last.keys() - {value.step for value in self.outputs}:
            dies.setdefault(last[made], []).append(made)
        return dies

    def _model(self, model: keras.Model, inputs: Sequence[Value]) -> list[Value]:
        if isinstance(model, keras.Sequential):
            value: Any = inputs[0]
            for layer in model.layers:
                value = _as_argument(self._call(layer, (value,), {}))
            return _values(value)
        calls = Calls(model)
        operations = {operation.name: operation for operation in model.operations}
        found: dict[tuple[str, int], _Found] = {
            (source.layer, source.call): [value] for source, value in zip(calls.inputs, inputs, strict=True)
        }

        def bound(leaf: Any) -> Any:
            return _output(found[leaf.layer, leaf.call], leaf.output) if isinstance(leaf, Source) else leaf

        for call in calls.in_order():
            args, kwargs = keras.tree.map_structure(bound, (call.args, call.kwargs))
            found[call.layer, call.number] = self._call(operations[call.layer], args, kwargs)
        return [bound(source) for source in calls.outputs]

    def _call(self, operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Found:
        kwargs = {key: value for key, value in kwargs.items() if key != "training"}
        constants = [leaf for leaf in keras.tree.flatten((args, kwargs)) if leaf is not None]
        inputs = _values((args, kwargs))
        if _has_parts(operation) and len(constants) == len(inputs) == len(operation.inputs):
            return self._model(operation, inputs)
        if isinstance(operation, keras.Layer) and "training" in inspect.signature(operation.call).parameters:
            kwargs["training"] = False
        self.steps.append(Step(operation, args, kwargs))
        return Value(len(self.steps))


_Found: TypeAlias = Value | list[Value]  # what a step gives as a whole, or each output of a model that was taken apart


def _has_parts(operation: Any) -> bool:
    """A subclass may compute anything: only Keras' own classes count."""
    return type(operation) is keras.Sequential or type(operation).__name__ == "Functional"


def _output(found: _Found, number: int) -> Value:
    return Value(found.step, number) if isinstance(found, Value) else found[number]


def _as_argument(found: _Found) -> Any:
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _values(structure: Any) -> list[Value]:
    return [leaf for leaf in keras.tree.flatten(structure) if isinstance(leaf, Value)]
