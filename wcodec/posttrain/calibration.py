"""Calibration data: what a caller may give, checked before a network sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import NonFiniteError, OptionError
from .networks.protocol import Inputs

ENOUGH = 64  # fewer samples than this leave most directions of the inputs unseen
FEW = 16  # samples that tell whether the quantizer learned its data by heart
HELD_OUT = 8  # one sample of this many checks the result where no validation data is given


def as_inputs(data: Any, what: str = "calibration") -> Inputs:
    """Inputs of an array (samples first), a tuple or list of arrays, or a mapping of arrays by input name.

    Raises:
        OptionError: no numbers, no samples, or arrays with different numbers of samples.
        NonFiniteError: NaN or infinity.
    """
    if isinstance(data, Mapping):
        names, values = tuple(map(str, data)), list(data.values())
    elif isinstance(data, tuple | list):
        names, values = (), list(data)
    else:
        names, values = (), [data]
    arrays = tuple(_checked(value, what) for value in values)
    if not arrays:
        raise OptionError(f"{what} is empty")
    if len({len(a) for a in arrays}) != 1:
        raise OptionError(f"the arrays of {what} differ in their number of samples: {[len(a) for a in arrays]}")
    return Inputs(arrays, names)


def _checked(value: Any, what: str) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise OptionError(f"{what} has dtype {array.dtype}; it takes numbers")
    if array.ndim == 0 or not array.size:
        raise OptionError(f"{what} of shape {array.shape} holds no samples")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NonFiniteError(f"{what} holds NaN or infinity")
    return np.asarray(array, np.float32) if array.dtype == np.float64 else array


def complaints(inputs: Inputs) -> list[str]:
    """What is wrong with calibration data without making it useless."""
    found = []
    if len(inputs) < ENOUGH:
        found.append(f"{len(inputs)} calibration samples are few: use {ENOUGH} at least, 512 if there are as many")
    if all(np.array_equal(a, np.broadcast_to(a[:1], a.shape)) for a in inputs.arrays):
        found.append("all calibration samples are the same: error feedback has little to go by")
    return found


def held_out(inputs: Inputs) -> tuple[Inputs, Inputs]:
    """Data to measure on, and one sample in `HELD_OUT` to check with; all for both where there are few."""
    if len(inputs) < 2 * ENOUGH:
        return inputs, inputs
    last = np.arange(len(inputs)) % HELD_OUT == HELD_OUT - 1
    return _where(inputs, ~last), _where(inputs, last)


def checked_apart(inputs: Inputs) -> tuple[Inputs, Inputs | None]:
    """Data to measure on, and the last few to check with; none of them where there are few."""
    if len(inputs) < 4 * ENOUGH:
        return inputs, None
    return inputs[: len(inputs) - FEW], inputs[len(inputs) - FEW :]


def _where(inputs: Inputs, chosen: Sequence[bool] | np.ndarray) -> Inputs:
    return Inputs(tuple(a[chosen] for a in inputs.arrays), inputs.names)
