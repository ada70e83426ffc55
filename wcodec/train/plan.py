"""Which factorization each weight of a Keras model is trained in: one rule, and the user's exceptions to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import NamedTuple

import keras

from ..errors import OptionError, UnsupportedTypeError
from ..factorizations import Dense, Factorization, Rdft

FactorizationFactory = Callable[[tuple[int, ...]], Factorization]


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


def plan_factorizations(
    weights: Sequence[OwnedWeight], overrides: Mapping[str, FactorizationFactory | None]
) -> dict[str, Factorization]:
    """Name -> factorization of every one of `weights` that gets latents, in their order.

    Args:
        weights: the trainable weights of a model.
        overrides: name pattern ("conv*/kernel", as fnmatch) -> function from a shape to a factorization, or None to
            train the weight as it is. The first pattern that matches a name decides.

    Raises:
        OptionError: a pattern that matches no weight, or a factorization that is not one of the weight's shape.
        UnsupportedTypeError: a weight that is not floating-point.
        FactorizationError: parameters that a factorization does not allow for this shape.
    """
    for pattern in overrides:
        if not any(fnmatchcase(weight.name, pattern) for weight in weights):
            raise OptionError(f"factorizations: no trainable weight has a name like {pattern!r}")
    plan = {weight.name: _factorization(weight, overrides) for weight in weights}
    return {name: factorization for name, factorization in plan.items() if factorization is not None}


def _factorization(weight: OwnedWeight, overrides: Mapping[str, FactorizationFactory | None]) -> Factorization | None:
    shape = tuple(weight.variable.shape)
    default = partial(default_factorization, layer=weight.layer)
    factory = next((made for pattern, made in overrides.items() if fnmatchcase(weight.name, pattern)), default)
    if factory is None:
        return None
    rule = why_not(weight.variable)
    if rule is not None:
        raise UnsupportedTypeError(
            f"{rule}; factorizations={{name: None}} trains the weight as it is", tensor=weight.name
        )
    factorization = factory(shape)
    if getattr(factorization, "shape", None) != shape:
        rule = f"factorizations: {factorization!r} is not a factorization of shape {shape}"
        raise OptionError(rule, tensor=weight.name)
    return factorization


def why_not(variable: keras.Variable) -> str | None:
    """Why a weight cannot have latents, or None if it can."""
    if "float" not in variable.dtype:
        return f"a weight of dtype {variable.dtype} cannot be trained through latents"
    return None if variable.constraint is None else "its constraint cannot act on latents"
