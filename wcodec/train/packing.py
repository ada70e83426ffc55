"""A network that training has made narrow, told as the full-size network that it is: zeros outside of one corner.

The units that are left come first, in an order that suits the coder; the function of the network is that of the narrow
one, and every tensor has the shape that it had before training.
"""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np

from ..factorizations import Block, Dense, Factorization
from .compressible import CompressibleModel
from .latents import LatentWeight
from .narrowing import narrowed, removable_groups
from .units import UnitGroup, unit_groups
from .variables import variable_names


def packed(model: CompressibleModel, original: keras.Model) -> CompressibleModel:
    """`original` as a compressible model with the weights of `model`, one of the same architecture but fewer units.

    Kernels become Block factorizations of what `model` has; vectors are padded with zeros.

    Args:
        model: made from `original` by `resized` and `narrowed`.
        original: its weights are not read; `finalize` of the result writes them.
    """
    groups = {group.consumer: group for group in unit_groups(original)}
    latents = {weight.name: weight for weight, _ in model.latent_weights()}
    shapes = {name: tuple(variable.shape) for name, variable in variable_names(original)}
    plan = {
        name: _widened(weight, shapes[name], groups.get(name.partition("/")[0])) for name, weight in latents.items()
    }
    pace = None if model.clock is None else model.clock.pace
    wide = CompressibleModel(original, plan, **{**model.options, "pace": pace}, name=model.name)
    for weight, _ in wide.latent_weights():
        for factor, latent in weight.latents.items():
            narrow = np.asarray(keras.ops.convert_to_numpy(latents[weight.name].latents[factor]))
            latent.assign(_padded(narrow, tuple(latent.shape)) if narrow.ndim == 1 else narrow.reshape(latent.shape))
        for factor, step in weight.steps.items():
            step.variable.assign(latents[weight.name].steps[factor].variable)
    for (name, variable), (_, narrow) in zip(variable_names(original), variable_names(model.inner), strict=True):
        if name not in plan:
            variable.assign(_padded(np.asarray(keras.ops.convert_to_numpy(narrow)), tuple(variable.shape)))
    return wide


def _widened(weight: LatentWeight, shape: tuple[int, ...], group: UnitGroup | None) -> Factorization:
    """The factorization of the full-size weight."""
    factorization = weight.factorization
    if factorization.shape == shape:
        return factorization
    if len(shape) == 1:
        return Dense(shape)
    inner = (factorization.number, *(getattr(factorization, f.name) for f in dataclasses.fields(factorization)[1:]))
    inner = tuple(value for value in inner if value != ())
    if group is not None and group.places:
        places = group.places
        kept = (*places, factorization.shape[0] // math.prod(places), factorization.shape[1])
        return Block(shape, kept, inner)
    return Block(shape, factorization.shape, inner)


def by_density(model: CompressibleModel) -> CompressibleModel:
    """`model` with the units of every group in falling order of how many of their weights are not zero."""
    counts = {weight.name: _nonzero(weight) for weight, _ in model.latent_weights()}
    order: dict[str, np.ndarray] = {}
    for group in removable_groups(model):
        feeding, reading = counts[f"{group.producer}/kernel"], counts[f"{group.consumer}/kernel"]
        feeds = feeding.reshape(-1, feeding.shape[-1]).sum(axis=0)
        reads = np.moveaxis(reading, -2, -1).reshape(-1, reading.shape[-2]).sum(axis=0)
        order[group.producer] = np.argsort(-(feeds + reads.reshape(-1, group.units).sum(axis=0)), kind="stable")
    return narrowed(model, order)


def _nonzero(weight: LatentWeight) -> np.ndarray:
    return np.asarray(next(iter(weight.symbols().values())) != 0, np.int64)


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.pad(array, [(0, n - k) for k, n in zip(array.shape, shape, strict=True)])
