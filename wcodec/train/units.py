"""Hidden units of a Keras model that may come and go: which weights feed one, which read it.

A group is the outputs of one layer that exactly one other layer reads. Removing units from it, or reordering them,
touches the two layers and the normalizations between them, and nothing else; so units whose values nobody can notice
are removed without a change of the network's function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..errors import OptionError

WEIGHTED = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
# Layers that treat each unit alone and give zero for zero, so that a silent unit stays silent through them.
ELEMENTWISE = (
    keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.Dropout,
    keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.MaxPooling3D, keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D, keras.layers.AveragePooling3D, keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D, keras.layers.ZeroPadding2D,
)  # fmt: skip
ZERO_AT_ZERO = {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "softsign", "mish"}

Slices = dict[str, dict[int, np.ndarray]]  # name of a weight -> axis, counted from the end -> indices to keep


@dataclass(frozen=True)
class UnitGroup:
    """Outputs of one layer with one reader.

    Attributes:
        producer: name of the layer whose outputs they are.
        norms: names of the normalizations on the way.
        consumer: name of the layer that reads them.
        units: how many there are.
        places: extents of a unit that is flattened: (4, 4) for a map, whose consumer has 16 inputs a unit; else ().
        silent: whether a unit without weights gives zero to the consumer.
    """

    producer: str
    norms: tuple[str, ...]
    consumer: str
    units: int
    places: tuple[int, ...]
    silent: bool

    def slices(self, kept: np.ndarray) -> Slices:
        """What removing all other units, or reordering them, does to each weight."""
        inputs = (np.arange(math.prod(self.places))[:, None] * self.units + kept).ravel()
        slices: Slices = {f"{self.producer}/kernel": {-1: kept}, f"{self.producer}/bias": {-1: kept}}
        slices[f"{self.consumer}/kernel"] = {-2: inputs}
        for norm in self.norms:
            for weight in ("gamma", "beta", "moving_mean", "moving_variance"):
                slices[f"{norm}/{weight}"] = {-1: kept}
        return slices


def unit_groups(model: keras.Model) -> list[UnitGroup]:
    """The groups of a Sequential or Functional model, in its order; none in other models and in nested ones.

    Outputs of the model, of layers that are shared, and of layers with several readers are no hidden units of a group:
    the channels of a residual stream stay.
    """
    if not isinstance(model, keras.Sequential) and type(model).__name__ != "Functional":
        return []
    followers = _followers(model)
    groups = (_group(layer, followers) for layer in model.layers if isinstance(layer, WEIGHTED))
    return [group for group in groups if group is not None]


def merged_slices(groups: list[UnitGroup], kept: Mapping[str, np.ndarray]) -> Slices:
    """The slices of all groups named (by producer) in `kept`: a weight may be cut along two axes."""
    merged: Slices = {}
    for group in groups:
        if group.producer in kept:
            for name, axes in group.slices(np.asarray(kept[group.producer])).items():
                merged.setdefault(name, {}).update(axes)
    return merged


def cut(array: np.ndarray, axes: Mapping[int, np.ndarray]) -> np.ndarray:
    """`array` with the indices to keep along each axis."""
    for axis, kept in axes.items():
        array = np.take(array, kept, axis=axis)
    return array


def resized(model: keras.Model, widths: Mapping[str, int]) -> keras.Model:
    """A new model of the same architecture with other numbers of units, its weights initialized anew.

    Args:
        model: built, Sequential or Functional.
        widths: layer name -> units of a group of that producer.

    Raises:
        OptionError: a layer whose outputs are no group, or a number of units below 1 or above the model's.
    """
    groups = {group.producer: group for group in unit_groups(model)}
    for name, width in widths.items():
        if name not in groups:
            raise OptionError(f"layer {name!r} has no hidden units of its own; these have: {', '.join(groups)}")
        if not 1 <= width <= groups[name].units:
            raise OptionError(f"layer {name!r} has {groups[name].units} units: {width} of them cannot be kept")

    def with_width(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if layer.name in widths:
            config["units" if isinstance(layer, keras.layers.Dense) else "filters"] = widths[layer.name]
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=with_width)


def _followers(model: keras.Model) -> dict[str, keras.Layer]:
    """Name of each layer -> the one layer that reads its one output; layers with another fate are left out."""
    if isinstance(model, keras.Sequential):
        return {layer.name: follower for layer, follower in zip(model.layers, model.layers[1:], strict=False)}
    readers: dict[int, list[keras.Layer | None]] = {id(tensor): [None] for tensor in keras.tree.flatten(model.outputs)}
    for layer in model.layers:
        for tensor in _tensors(layer, "input"):
            readers.setdefault(id(tensor), []).append(layer)
    followers: dict[str, keras.Layer] = {}
    for layer in model.layers:
        found = [reader for tensor in _tensors(layer, "output") for reader in readers.get(id(tensor), [])]
        if len(found) == 1 and found[0] is not None:
            followers[layer.name] = found[0]
    return followers


def _tensors(layer: keras.Layer, side: str) -> list[Any]:
    """Inputs or outputs of a layer; none of one that is called several times, whose units are nobody's alone."""
    try:
        return list(keras.tree.flatten(getattr(layer, side)))
    except (AttributeError, ValueError):
        return []


def _group(producer: keras.Layer, followers: Mapping[str, keras.Layer]) -> UnitGroup | None:
    layer, places = producer, ()
    norms: list[str] = []
    silent = _gives_zero_for_zero(producer)
    while True:
        previous, layer = layer, followers.get(layer.name)
        if layer is None:
            return None
        if type(layer) in WEIGHTED:
            units = producer.units if isinstance(producer, keras.layers.Dense) else producer.filters
            return UnitGroup(producer.name, tuple(norms), layer.name, units, places, silent) if _plain(layer) else None
        if type(layer) is keras.layers.BatchNormalization and layer.axis in (-1, len(previous.output.shape) - 1):
            norms.append(layer.name)
            silent = False
        elif type(layer) is keras.layers.Flatten:
            places = tuple(previous.output.shape[1:-1])
        elif type(layer) in ELEMENTWISE:
            silent = silent and _gives_zero_for_zero(layer)
        else:
            return None


def _plain(layer: keras.Layer) -> bool:
    """Whether the inputs of `layer` are the second last axis of its kernel."""
    return getattr(layer, "groups", 1) == 1 and getattr(layer, "data_format", "channels_last") == "channels_last"


def _gives_zero_for_zero(layer: keras.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return activation is None or getattr(activation, "__name__", "") in ZERO_AT_ZERO
