"""A network that gets smaller while it trains: units that have died are taken out, with their optimizer state."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from .compressible import CompressibleModel
from .latents import LatentWeight
from .pace import Pace
from .units import Slices, UnitGroup, cut, merged_slices, resized, unit_groups
from .variables import variable_names

DEAD = 0.3  # a unit none of whose latents reaches this many steps


def removable_groups(model: CompressibleModel) -> list[UnitGroup]:
    """The groups of the inner model whose weights are trained in latents that have the weights' own units."""
    latents = {weight.name: weight for weight, _ in model.latent_weights()}
    return [
        group
        for group in unit_groups(model.inner)
        if _keeps_axis(latents.get(f"{group.producer}/kernel"), -1)
        and _keeps_axis(latents.get(f"{group.consumer}/kernel"), -2)
    ]


def live_units(model: CompressibleModel, threshold: float = DEAD) -> dict[str, np.ndarray]:
    """Producer -> indices of the units that matter, ascending; at least one a group.

    A unit is dead if no weight that reads it reaches `threshold` steps, or, where silence stays silence, no weight that
    feeds it. A bias alone keeps no unit alive.
    """
    sizes = {weight.name: _in_steps(weight) for weight, _ in model.latent_weights()}
    live: dict[str, np.ndarray] = {}
    for group in removable_groups(model):
        feeding, reading = sizes[f"{group.producer}/kernel"], sizes[f"{group.consumer}/kernel"]
        size = _largest(reading, -2).reshape(-1, group.units).max(axis=0)
        if group.silent:
            size = np.minimum(size, _largest(feeding, -1))
        alive = np.flatnonzero(size >= threshold)
        live[group.producer] = alive if alive.size else np.array([int(np.argmax(size))])
    return live


def narrowed(model: CompressibleModel, kept: Mapping[str, np.ndarray]) -> CompressibleModel:
    """A new compressible model with these units only, in this order, compiled as `model` is.

    Latents, steps, other weights and the state of the optimizer come along. `model` is left as it is.

    Args:
        model: compiled or not.
        kept: producer -> indices into its units.
    """
    slices = merged_slices(removable_groups(model), kept)
    inner = resized(model.inner, {producer: len(indices) for producer, indices in kept.items()})
    smaller = _like(model, inner, slices)
    if model.clock is not None and smaller.clock is not None:
        smaller.clock.batches.assign(model.clock.batches)
        smaller.clock.pressure.assign(model.clock.pressure)
    if model.optimizer is not None:
        smaller.compile_from_config(model.get_compile_config())
        _copy_optimizer(model, smaller, slices)
    return smaller


def rebuilt(model: CompressibleModel, pace: Pace | None, penalty_weight: float) -> CompressibleModel:
    """A new compressible model with the weights and steps of `model`, at the start of another run; not compiled."""
    return _like(model, keras.models.clone_model(model.inner), {}, pace=pace, penalty_weight=penalty_weight)


def _like(model: CompressibleModel, inner: keras.Model, slices: Slices, **options: Any) -> CompressibleModel:
    """A compressible model around `inner` with the weights of `model`, cut."""
    shapes = {name: tuple(variable.shape) for name, variable in variable_names(inner)}
    weights = [weight for weight, _ in model.latent_weights()]
    plan = {w.name: dataclasses.replace(w.factorization, shape=shapes[w.name]) for w in weights}
    count = model.options["weight_count"] or sum(math.prod(w.factorization.shape) for w in weights)
    pace = None if model.clock is None else model.clock.pace
    made = CompressibleModel(
        inner, plan, name=model.name, **{**model.options, "weight_count": count, "pace": pace, **options}
    )
    pairs = zip(variable_names(model.inner), variable_names(inner), strict=True)
    for (name, old), (_, new) in pairs:
        new.assign(cut(_array(old), slices.get(name, {})))
    for old, (new, _) in zip(weights, made.latent_weights(), strict=True):
        for factor, latent in old.latents.items():
            new.latents[factor].assign(cut(_array(latent), slices.get(old.name, {})))
        for factor, step in old.steps.items():
            new.steps[factor].variable.assign(step.variable)
        for factor, scale in old.scales.items():
            new.scales[factor].assign(scale)
    made.refresh_prices()
    return made


def _keeps_axis(weight: LatentWeight | None, axis: int) -> bool:
    if weight is None or len(weight.latents) != 1:
        return False
    (latent,) = weight.latents.values()
    return int(latent.shape[axis]) == weight.factorization.shape[axis]


def _in_steps(weight: LatentWeight) -> np.ndarray:
    """Magnitudes of the latents of a weight, in steps; of its first factor."""
    factor, latent = next(iter(weight.latents.items()))
    step = _array(weight.steps[factor].value()) if factor in weight.steps else np.float32(1)
    return np.abs(_array(latent) / step)


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _largest(sizes: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.moveaxis(sizes, axis, -1).reshape(-1, sizes.shape[axis]).max(axis=0))


def _copy_optimizer(model: CompressibleModel, smaller: CompressibleModel, slices: Slices) -> None:
    """Momenta and the like: each belongs to a variable and is cut as that is."""
    by_path = {}
    for name, trained in _trained(model):
        by_path[trained.path.replace("/", "_")] = slices.get(name, {})
    old, new = model.optimizer.variables, smaller.optimizer.variables
    for source, target in zip(old, new, strict=True):
        owners = [path for path in by_path if path in source.path]
        axes = by_path[max(owners, key=len)] if owners else {}
        value = _array(source)
        target.assign(cut(value, axes) if value.shape != tuple(target.shape) else value)


def _trained(model: CompressibleModel) -> list[tuple[str, keras.Variable]]:
    """Name of the weight and variable of everything that is trained."""
    latents = [(w.name, v) for w, _ in model.latent_weights() for v in w.latents.values()]
    plain = [(name, v) for name, v in variable_names(model.inner) if any(v is t for t in model.trainable_variables)]
    return latents + plain
