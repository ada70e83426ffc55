"""How the layers of a Functional Keras model hang together, read off its `get_config`, the public description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import keras

from ..errors import UnsupportedTypeError


@dataclass(frozen=True)
class Source:
    """A tensor of the model: output `output` of call `call` of layer `layer`."""

    layer: str
    call: int
    output: int


class Call(NamedTuple):
    """One call of one layer, or of a function of keras.ops.

    Attributes:
        layer: its name.
        number: among the calls of this layer.
        class_name: of the layer.
        args: positional arguments, nested, with a `Source` for each tensor of the model.
        kwargs: the others, likewise.
    """

    layer: str
    number: int
    class_name: str
    args: list[Any]
    kwargs: dict[str, Any]

    def sources(self) -> list[Source]:
        """The tensors among the arguments, in order."""
        return [leaf for leaf in leaves((self.args, self.kwargs)) if isinstance(leaf, Source)]


class Calls:
    """The calls of a Functional model.

    Attributes:
        inputs: of the model, in its order.
        outputs: of the model.
    """

    def __init__(self, model: keras.Model) -> None:
        """Read the model's config.

        Raises:
            UnsupportedTypeError: a layer without one.
        """
        self._name = model.name
        try:
            config = model.get_config()
        except NotImplementedError as e:
            raise UnsupportedTypeError(f"model {model.name!r} has a layer without get_config: {e}") from e
        self._layers = config["layers"]
        self.inputs = list(_listed(config["input_layers"]))
        # In this list a Functional model within counts its own construction as its call 0; arguments do not count it.
        within = {op.name for op in model.operations if any(c.__name__ == "Functional" for c in type(op).__mro__)}
        outputs = list(_listed(config["output_layers"]))
        self.outputs = [replace(s, call=s.call - 1) if s.layer in within else s for s in outputs]

    def in_order(self) -> Iterator[Call]:
        """Each call after those that it depends on.

        `get_config` lists layers, not calls, in order: a shared layer may be called again much later.
        """
        made = {(source.layer, source.call) for source in self.inputs}
        waiting = list(self._all())
        while waiting:
            ready = (call for call in waiting if all((s.layer, s.call) in made for s in call.sources()))
            call = next(ready, None)
            if call is None:
                raise UnsupportedTypeError(f"model {self._name!r} has calls that depend on each other")
            yield call
            made.add((call.layer, call.number))
            waiting.remove(call)

    def _all(self) -> Iterator[Call]:
        for entry in self._layers:
            for number, call in enumerate(entry["inbound_nodes"]):
                args, kwargs = _revived(call["args"]), _revived(call["kwargs"])
                yield Call(entry["name"], number, entry["class_name"], args, kwargs)


def leaves(argument: Any) -> Iterator[Any]:
    """Tensors and constants of nested arguments, in order; None and a mode of training are neither."""
    if isinstance(argument, Source):
        yield argument
    elif isinstance(argument, Mapping):
        for key, part in argument.items():
            if key != "training" or isinstance(part, Source):
                yield from leaves(part)
    elif isinstance(argument, list | tuple):
        for part in argument:
            yield from leaves(part)
    elif argument is not None:
        yield argument


def _revived(argument: Any) -> Any:
    """Arguments from their serialized form, with a `Source` for each tensor of the model."""
    if isinstance(argument, Mapping):
        if argument.get("class_name") == "__keras_tensor__":
            return Source(*argument["config"]["keras_history"])
        if "class_name" in argument:  # a slice, a constant
            return keras.saving.deserialize_keras_object(argument)
        return {key: _revived(part) for key, part in argument.items()}
    if isinstance(argument, list | tuple):
        return type(argument)(_revived(part) for part in argument)
    return argument


def _listed(structure: Any) -> Iterator[Source]:
    """Leaves [layer, call, output] of a nested structure; dictionaries by key, as Keras flattens them."""
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield from _listed(structure[key])
    elif structure and isinstance(structure[0], str):
        yield Source(*structure)
    else:
        for part in structure:
            yield from _listed(part)
