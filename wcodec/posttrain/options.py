"""The options of `encode` that ask for error feedback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

from ..errors import OptionError
from .obs import Rounding
from .rounding import Damping
from .synthetic import DAMPING

METHODS = ("sequential", "one_shot")
MOST_PATHS = 64


class CalibrationOptions(TypedDict, total=False):
    """Every one of them may be left out.

    calibration: inputs of the model, samples first: an array, a tuple of arrays, or a mapping by input name; 512
        unlabelled samples of training data are good.
    validation: inputs to measure the divergence on; for max_kl, by default every eighth calibration sample.
    data_free: calibrate on synthetic inputs; needs more bytes, see `input_shape` and `input_range`.
    input_shape: of one sample, for data_free where the model does not tell.
    input_range: lowest and highest value of the inputs, for data_free; 0 to 1 by default.
    target_bytes: of the whole file, reached from below.
    max_kl: mean divergence in nats from the float model's class probabilities; by default 0.01.
    evaluate: model -> score, the higher the better, with `tolerance`.
    tolerance: how much lower than the float model's the score may be.
    closest: where the budget cannot be kept, give the closest point, with a warning, in place of an error.
    method: "sequential" (layers aim at the float outputs from quantized inputs) or "one_shot" (faster).
    fold_batch_norm: put the moving statistics into scale and shift: mean 0, variance 1, the same predictions, a
        smaller file; training cannot go on from it.
    damping: of the second moments, relative to their mean diagonal; more for scarce data.
    paths: beginnings of a row that the search for its symbols keeps, 1 to 64.
    rate_weight: what a bit costs in that search, 0 to 1; 0 by default.
    resume: folder that keeps the layers which are done, so that an encoding which was broken off goes on.
    """

    calibration: Any
    validation: Any
    data_free: bool
    input_shape: tuple[int, ...]
    input_range: tuple[float, float]
    target_bytes: int
    max_kl: float
    evaluate: Callable[[Any], float]
    tolerance: float
    closest: bool
    method: str
    fold_batch_norm: bool
    damping: float
    paths: int
    rate_weight: float
    resume: str | Path


def check(options: CalibrationOptions, bits_per_weight: float | None) -> None:
    """Raise OptionError for options that exclude each other or have no meaning."""
    unknown = options.keys() - CalibrationOptions.__annotations__.keys()
    if unknown:
        raise OptionError(f"encode has no option {', '.join(map(repr, sorted(unknown)))}")
    _check_budgets(options, bits_per_weight)
    if options.get("method", METHODS[0]) not in METHODS:
        raise OptionError(f"method {options['method']!r} is not one of {', '.join(METHODS)}")
    if options.get("calibration") is None and not options.get("data_free"):
        raise OptionError(f"{' and '.join(options)}: give calibration= data, or data_free=True")
    if options.get("calibration") is not None and options.get("data_free"):
        raise OptionError("calibration and data_free exclude each other")
    for name in ("target_bytes", "max_kl", "damping"):
        if options.get(name) is not None and not options[name] > 0:
            raise OptionError(f"{name}={options[name]} is not positive")
    if not 0 <= options.get("rate_weight", 0.0) <= 1:
        raise OptionError(f"rate_weight={options['rate_weight']} is outside 0..1")
    if not 1 <= options.get("paths", 1) <= MOST_PATHS:
        raise OptionError(f"paths={options['paths']} is outside 1..{MOST_PATHS}")


def _check_budgets(options: CalibrationOptions, bits_per_weight: float | None) -> None:
    budgets = [name for name in ("target_bytes", "max_kl", "evaluate") if options.get(name) is not None]
    budgets += ["bits_per_weight"] if bits_per_weight is not None else []
    if len(budgets) > 1:
        raise OptionError(f"one budget at a time, not {' and '.join(budgets)}")
    if (options.get("evaluate") is None) is not (options.get("tolerance") is None):
        raise OptionError("evaluate and tolerance go together")


def damping_of(options: CalibrationOptions) -> Damping:
    """That of the options, of data-free coding, or the default."""
    default = DAMPING if options.get("data_free") else Damping()
    return Damping(options.get("damping", default.feedback), default.target)


def rounding_of(options: CalibrationOptions) -> Rounding:
    """How hard symbols are searched for."""
    default = Rounding()
    return Rounding(options.get("paths", default.paths), options.get("rate_weight", default.rate))
