"""Which tensor gets which factorization and step: the policies of `encode`.

A policy maps one tensor to a `FactoredWeight`. Integers, booleans and 8-bit floats are always stored exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import ClassVar, Protocol

import ml_dtypes
import numpy as np

from ..container import DEFAULT_LIMITS
from ..dtypes import is_float, number_of
from ..errors import NonFiniteError, OptionError, naming
from ..factorizations import Dense, FactoredWeight
from ..factorizations.factory import FactorizationFactory, made_by
from ..frontends.protocol import NamedTensor
from ..quantize import MAX_CODE, MAX_SYMBOL, MIN_CODE, step_code_at_most, step_values
from .recognition import smallest, structured_forms

SMALLEST_STEP, LARGEST_STEP = float(step_values(MIN_CODE)), float(step_values(MAX_CODE))

BULK_FRACTION = 64  # a factor with one element or more for so many of the weight's is no small matter


class Policy(Protocol):
    """Chooses the step code of one float factor.

    Attributes:
        keeps_structure: a weight that was pruned or clustered may be written as that; not where a rate is asked for
            that only a step can meet.
        keeps_bits: also the sign of a zero.
    """

    keeps_structure: ClassVar[bool]
    keeps_bits: ClassVar[bool]

    def step_code(self, values: np.ndarray) -> int | None:
        """Step code for a float array of any shape; None stores it bit for bit.

        Raises:
            NonFiniteError: NaN or infinity in what is to be quantized.
        """


class Lossless:
    """Every element bit for bit, NaN payloads and signed zeros included."""

    keeps_structure: ClassVar[bool] = True
    keeps_bits: ClassVar[bool] = True

    def step_code(self, values: np.ndarray) -> int | None:
        return None


@dataclass(frozen=True)
class NearLossless:
    """The default of `encode`: a step relative to each tensor's own size.

    Matrices and kernels (rank >= 2): step <= 2**-6 of the tensor's root mean square, a signal-to-noise ratio of at
    least 46.9 dB (10 log10(12 * 2**12)) in every tensor, about 8 bits a weight. Vectors and scalars (biases, norms)
    are few and often steer a whole channel: 1/16 of the smallest magnitude, but between 2**-20 and 2**-12 of the
    root mean square. A tensor whose range no step of the format suits is stored bit for bit.
    """

    keeps_structure: ClassVar[bool] = True
    keeps_bits: ClassVar[bool] = False

    matrix_fraction: float = 2.0**-6

    def step_code(self, values: np.ndarray) -> int | None:
        _require_finite(values)
        magnitudes = np.abs(values[values != 0].astype(np.float64))
        if not magnitudes.size:
            return 0
        peak = float(magnitudes.max())
        rms = peak * math.sqrt(float(np.square(magnitudes / peak).sum() / values.size))
        if values.ndim >= 2:
            step = rms * self.matrix_fraction
        else:
            step = min(max(float(magnitudes.min()) / 16, rms * 2.0**-20), rms * 2.0**-12)
        return step_code_at_most(step) if _suits(step, peak, values.dtype) else None


@dataclass(frozen=True)
class GlobalStep:
    """One step for all matrices and kernels of a model, the rate-optimal choice under equal error weights.

    Vectors and scalars keep the near-lossless rule: they are under a percent of a model and worth their bits.
    """

    keeps_structure: ClassVar[bool] = False
    keeps_bits: ClassVar[bool] = False

    code: int
    vectors: NearLossless = field(default_factory=NearLossless)

    def step_code(self, values: np.ndarray) -> int | None:
        _require_finite(values)
        return self.code if values.ndim >= 2 else self.vectors.step_code(values)


def plan(
    tensor: NamedTensor, policy: Policy, factorizations: Mapping[str, FactorizationFactory]
) -> tuple[FactoredWeight, np.dtype]:
    """The factors and steps of one tensor, and the dtype it decodes to.

    Args:
        tensor: one that is factored already keeps its factors; a trained latent keeps its steps too.
        policy: for float factors.
        factorizations: name pattern (fnmatch) -> shape -> Factorization; the first match counts, dense otherwise.

    Raises:
        WczError: naming the tensor.
    """
    with naming(tensor.name):
        value = tensor.value  # once: it may be read from a file
        if isinstance(value, FactoredWeight):
            _check_size(value.factorization.shape)
            return (with_steps(value, policy) if value.steps_are_open else value), value.dtype
        number_of(value.dtype)
        _check_size(value.shape)
        return _plan_array(tensor.name, value, policy, factorizations), value.dtype


def _check_size(shape: tuple[int, ...]) -> None:
    """Refuse what every reader would: the file would be lost."""
    DEFAULT_LIMITS.check("rank", len(shape), "dimensions")
    DEFAULT_LIMITS.check("elements", math.prod(max(extent, 1) for extent in shape), "elements")


def _plan_array(
    name: str, array: np.ndarray, policy: Policy, factorizations: Mapping[str, FactorizationFactory]
) -> FactoredWeight:
    factory = next((f for pattern, f in factorizations.items() if fnmatchcase(name, pattern)), None)
    if factory is None:
        return _recognised(array, policy)
    factorization = made_by(factory, array.shape)
    if factorization.number == Dense.number:
        factors = {"weight": array}
    elif not is_float(array.dtype):
        raise OptionError(f"{factorization.kind} needs a float tensor, this one is {array.dtype}")
    elif not np.isfinite(array).all():
        raise NonFiniteError(f"NaN or infinity cannot be factored by {factorization.kind}")
    else:
        factors = factorization.fit(np.asarray(array, np.float32))
    return with_steps(FactoredWeight(factorization, factors), policy)


def _recognised(array: np.ndarray, policy: Policy) -> FactoredWeight:
    """Dense, or the form that a pruned or clustered weight has, where that is smaller."""
    dense = with_steps(FactoredWeight(Dense(array.shape), {"weight": array}, dtype=array.dtype), policy)
    forms = structured_forms(array, policy.keeps_bits) if policy.keeps_structure else []
    if not forms:
        return dense
    chosen = [with_steps(form, policy) if form.steps_are_open else form for form in forms]
    return smallest([dense, *chosen], array.dtype)


def with_steps(weight: FactoredWeight, policy: Policy) -> FactoredWeight:
    """The factors with the steps that the policy chooses; integers and 8-bit floats get none.

    A list that holds a good part of a matrix (the values beside a mask) is quantized as that matrix, not as a bias.
    """
    shape = weight.factorization.shape
    codes = {
        key: policy.step_code(_with_its_zeros(value, shape))
        for key, value in weight.factors.items()
        if _is_quantizable(value)
    }
    chosen = {key: np.asarray(code) for key, code in codes.items() if code is not None}
    return replace(weight, step_codes=chosen, steps_are_open=False)


def _with_its_zeros(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values beside a mask as their matrix, whose root mean square counts its zeros; others as they are."""
    elements = math.prod(shape)
    if values.ndim != 1 or len(shape) < 2 or not elements / BULK_FRACTION <= values.size <= elements:
        return values
    matrix = np.zeros((1, elements), values.dtype)
    matrix[0, : values.size] = values
    return matrix


def _suits(step: float, peak: float, dtype: np.dtype) -> bool:
    """Whether symbols of `step` reach `peak`, and rounding does not carry it over the largest number of `dtype`."""
    in_range = step >= SMALLEST_STEP and peak < MAX_SYMBOL * min(step, LARGEST_STEP)
    return in_range and peak + step < float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]


def _is_quantizable(values: np.ndarray) -> bool:
    return is_float(values.dtype) and values.dtype.itemsize > 1


def _require_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise NonFiniteError("NaN or infinity cannot be quantized; encode with lossless=True or repair the tensor")
