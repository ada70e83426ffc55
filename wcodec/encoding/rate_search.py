"""bits_per_weight= of `encode`: the finest global step whose file keeps a rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..dtypes import is_float
from ..errors import OptionError
from ..factorizations import FactoredWeight
from ..frontends.protocol import NamedTensor
from ..plan import GlobalStep, Policy
from ..quantize import CODES_PER_OCTAVE, MIN_CODE, step_code_at_most

SEARCHED_OCTAVES = 24  # how far below the largest weight a step is looked for


def policy_for_rate(tensors: Sequence[NamedTensor], target: float, rate_of: Callable[[Policy], float]) -> GlobalStep:
    """The finest global step whose whole file stays at or below `target` bits a weight: bisection on the step code.

    Args:
        tensors: of the model.
        target: bits a weight.
        rate_of: policy -> bits a weight of the whole file.

    Raises:
        OptionError: no rate, or even the coarsest useful step needs more.
    """
    if not target > 0:
        raise OptionError(f"bits_per_weight={target} is not positive")
    peaks = [float(np.abs(values).max()) for t in tensors for values in _matrices(t)]
    high = step_code_at_most(4 * max(peaks, default=1.0))  # every matrix rounds to zero: the smallest file
    low = max(high - CODES_PER_OCTAVE * SEARCHED_OCTAVES, MIN_CODE - 1)
    smallest = rate_of(GlobalStep(high))
    if smallest > target:
        raise OptionError(f"bits_per_weight={target} cannot be reached: the smallest file has {smallest:.3f}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rate_of(GlobalStep(middle)) <= target else (middle, high)
    return GlobalStep(high)


def _matrices(tensor: NamedTensor) -> list[np.ndarray]:
    """The values that a global step governs."""
    value = tensor.value
    if isinstance(value, FactoredWeight):
        candidates = list(value.factors.values()) if value.steps_are_open else []
    else:
        candidates = [value]
    return [array for array in candidates if array.ndim >= 2 and is_float(array.dtype) and array.size > 0]
