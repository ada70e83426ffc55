"""Stable names for the weights of a Keras model.

A Keras variable carries a path, but the path is a record of how its layer came to be built: reloading a `.keras` file
drops the name of a Sequential or Bidirectional from it, and two nested models may share one. The names here follow
the tree of models and layers instead, and only the part below a leaf layer comes from the path.
"""

from __future__ import annotations

from collections import Counter

import keras

from ..errors import DuplicateNameError


def variable_names(model: keras.Layer) -> list[tuple[str, keras.Variable]]:
    """Name and variable of every weight of a built `model`, in the order of `model.weights`.

    A name is the chain of layer names below the model, then the variable's own: "conv2d/kernel", "tower/dense_1/bias".
    Seed states, metrics and optimizer variables are no weights; a shared layer is named once.

    Raises:
        DuplicateNameError: two weights have the same name.
    """
    names: dict[int, str] = {}
    _name_below(model, (), names)
    pairs = [(names[id(v)], v) for v in model.weights]
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise DuplicateNameError(
            f"more than one weight of the model has this name; repeated: {', '.join(repeated)}", tensor=repeated[0]
        )
    return pairs


def _name_below(layer: keras.Layer, chain: tuple[str, ...], names: dict[int, str]) -> None:
    """Enter the weights below `layer` into `names` (id -> name); the first way to reach a weight names it."""
    if isinstance(layer, keras.Model):
        for child in layer.layers:
            _name_below(child, (*chain, child.name), names)
    for variable in layer.weights:
        names.setdefault(id(variable), "/".join((*chain, _path_below(layer, variable))))


def _path_below(layer: keras.Layer, variable: keras.Variable) -> str:
    """The variable's path without the part that leads to `layer`."""
    path: str = variable.path
    for lead in (layer.path, layer.name):
        if lead and path.startswith(f"{lead}/"):
            return path[len(lead) + 1 :]
    return path
