"""Which step each tensor of a network gets, from one number for all of them.

Matrices and kernels share one step: error feedback and the normalization between layers leave little to gain from
more. Vectors (biases, norms) get steps in proportion to it, by their measured effect: so that rounding them adds a
small share to the error that rounding the matrices before them makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..dtypes import is_float
from ..quantize import step_code_at_most, step_values

# Error of a vector's rounding at its layer's output, relative to the error that is there already.
VECTOR_SHARE = 0.006

# A vector's step lies between these fractions of its root mean square, whatever its measured effect.
FINEST, COARSEST = 2.0**-14, 2.0**-3


# Step codes are 4 % apart, which is 2 % of a file: too coarse to meet a size. So a setting counts in eighths of a step
# code, and at setting 8 k + i the matrices are on code k or k + 1, i eighths of them on the coarser one.
PARTS = 8
SPREAD = (0, 4, 2, 6, 1, 5, 3, 7)  # of consecutive matrices


@dataclass(frozen=True)
class Steps:
    """Step codes of all tensors.

    Attributes:
        setting: in eighths of a step code of the matrices and kernels.
        other: values -> step code or None, for what has no entry in `scales`.
        offsets: tensor name -> 0..7, added to the setting; from `offsets_of`.
        scales: tensor name -> its step in units of the matrices' step.
    """

    setting: int
    other: Callable[[np.ndarray], int | None]
    offsets: Mapping[str, int] = field(default_factory=dict)
    scales: Mapping[str, float] = field(default_factory=dict)

    def code_of(self, name: str, values: np.ndarray) -> int | None:
        """Step code of a float tensor; None stores it bit for bit."""
        if name in self.scales:
            return _vector_code(values, self.step * self.scales[name])
        return (self.setting + self.offsets.get(name, 0)) // PARTS if values.ndim >= 2 else self.other(values)

    @property
    def step(self) -> float:
        """Of the matrices that are on the finer code."""
        return float(step_values(self.setting // PARTS))


def offsets_of(names: Iterable[str]) -> dict[str, int]:
    """Offsets that spread the coarser codes over the matrices of a model."""
    return {name: SPREAD[i % PARTS] for i, name in enumerate(names)}


def is_matrix(values: np.ndarray) -> bool:
    """Whether the global step governs `values`."""
    return values.ndim >= 2 and values.size > 0 and is_float(values.dtype) and values.dtype.itemsize > 1


def is_vector(values: np.ndarray) -> bool:
    """Whether `values` can be quantized by a measured step."""
    return values.ndim == 1 and values.size > 0 and is_float(values.dtype) and values.dtype.itemsize > 1


def unmeasured_code(values: np.ndarray, finest: int | None) -> int | None:
    """Step code of a vector whose effect nothing tells, where a size is to be met; `finest` is the near-lossless one.

    A sixteenth of the smallest magnitude, for it may be a variance, but 2**-12 to 2**-8 of the root mean square: about
    ten bits an element, a few percent of what rounding a matrix at five bits does to the output.
    """
    if finest is None or not values.any():
        return finest
    smallest, rms = float(np.abs(values[values != 0].astype(np.float64)).min()), root_mean_square(values)
    return max(finest, step_code_at_most(min(max(smallest / 16, rms * 2.0**-12), rms * 2.0**-8)))


def _vector_code(values: np.ndarray, step: float) -> int:
    rms = root_mean_square(values)
    return step_code_at_most(min(max(step, rms * FINEST), rms * COARSEST)) if rms > 0 else 0


def root_mean_square(values: np.ndarray) -> float:
    """sqrt(mean(values^2)) in float64; 0 for no values."""
    return math.sqrt(float(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0
