"""Which factorization each weight of a Keras model is trained in: one rule, and the user's exceptions to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import keras

from ..errors import OptionError, UnsupportedTypeError, naming
from ..factorizations import FACTORIZATIONS, Dense, Factorization, Rdft
from ..factorizations.factory import FactorizationFactory, check_patterns, result_of

DefaultFactorization = Callable[[tuple[int, ...], keras.Layer], Factorization | None]


def default_factorization(shape: tuple[int, ...], layer: keras.Layer) -> Factorization:
    """Rdft for a convolution kernel, Dense for everything else.

    A convolution kernel has shape (kernel..., in, out) and belongs to a layer with that `kernel_size`: true of Keras'
    plain, transposed, depthwise and separable convolutions and of its convolutional cells alike.
    """
    kernel_size = tuple(getattr(layer, "kernel_size", ()))
    is_kernel = len(shape) == len(kernel_size) + 2 and shape[:-2] == kernel_size
    return Rdft(shape) if is_kernel and any(n > 1 for n in kernel_size) else Dense(shape)


class OwnedWeight(NamedTuple):
    """A trainable weight, its name in the model and the innermost layer that owns it."""

    name: str
    variable: keras.Variable
    layer: keras.Layer


def literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")


def dense_by_default(_shape: tuple[int, ...], _layer: keras.Layer) -> None:
    """For `plan_factorizations`: what no pattern names is trained as it is."""


def plan_factorizations(
    weights: Sequence[OwnedWeight],
    overrides: Mapping[str, FactorizationFactory | None],
    default: DefaultFactorization = default_factorization,
) -> dict[str, Factorization]:
    """Name -> factorization of every one of `weights` that gets one, in their order.

    Args:
        weights: the trainable weights of a model.
        overrides: name pattern ("conv*/kernel", as fnmatch) -> factorization, or function from a shape to one, or
            None to train the weight as it is. The first pattern that matches a name decides.
        default: decides where no pattern matches.

    Raises:
        OptionError: a pattern that matches no weight, or a factorization that is not one of the weight's shape.
        UnsupportedTypeError: a weight that is not floating-point.
        FactorizationError: parameters that a factorization does not allow for this shape, such as a rank out of range.
            All but the first name the weight.
    """
    check_patterns(overrides, [weight.name for weight in weights], "trainable weight")
    plan = {weight.name: _factorization(weight, overrides, default) for weight in weights}
    return {name: factorization for name, factorization in plan.items() if factorization is not None}


def _factorization(
    weight: OwnedWeight, overrides: Mapping[str, FactorizationFactory | None], default: DefaultFactorization
) -> Factorization | None:
    shape = tuple(weight.variable.shape)
    factorization: Factorization | None
    for pattern, factory in overrides.items():
        if fnmatchcase(weight.name, pattern):
            with naming(weight.name):
                factorization = None if factory is None else result_of(factory, shape)
            break
    else:
        factorization = default(shape, weight.layer)
    if factorization is None:
        return None
    rule = why_not(weight.variable)
    if rule is not None:
        raise UnsupportedTypeError(
            f"{rule}; factorizations={{name: None}} trains the weight as it is", tensor=weight.name
        )
    if getattr(factorization, "shape", None) != shape:
        rule = f"factorizations: {factorization!r} is not a factorization of shape {shape}"
        raise OptionError(rule, tensor=weight.name)
    return factorization


def to_config(factorization: Factorization) -> dict[str, Any]:
    """Kind and fields, for a `.keras` file."""
    return {"kind": factorization.kind, **dataclasses.asdict(factorization)}


def from_config(config: Mapping[str, Any]) -> Factorization:
    """The factorization that `to_config` described.

    Raises:
        UnsupportedTypeError: a kind that is not registered in this process.
    """
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    kind = fields.pop("kind")
    if kind not in FACTORIZATIONS:
        raise UnsupportedTypeError(f"factorization {kind!r} is not registered in this process")
    return FACTORIZATIONS[kind](**fields)


def why_not(variable: keras.Variable) -> str | None:
    """Why a weight cannot have latents, or None if it can."""
    if "float" not in variable.dtype:
        return f"a weight of dtype {variable.dtype} cannot be trained through latents"
    return None if variable.constraint is None else "its constraint cannot act on latents"
