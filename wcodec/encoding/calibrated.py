"""encode(model, calibration=...): a trained model, quantized with error feedback to a budget.

Joins the parts of `wcodec.posttrain`: opens the model, measures it on the calibration data, searches the step that
the budget allows, and gives back tensors that are multiples of their steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import OptionError
from ..frontends.protocol import NamedTensor
from ..plan import NearLossless
from ..posttrain.budget import Budget, RatePoint, divergence_budget, score_budget, settle_size, size_budget
from ..posttrain.calibration import as_inputs, checked_apart, complaints, held_out
from ..posttrain.networks import Network, can_run, open_network
from ..posttrain.networks.protocol import Inputs
from ..posttrain.options import CalibrationOptions, check
from ..posttrain.rounding import rounded
from ..posttrain.search import NbytesOf, Progress, Search, require_finite_weights, searched
from ..posttrain.size import SizeEstimate
from ..posttrain.steps import Steps, is_matrix, offsets_of, unmeasured_code
from ..posttrain.synthetic import COUNT, synthetic_inputs

DEFAULT_KL = 0.01  # nats, where no budget is given
DATA_FREE_BITS = 3.0  # a weight, where no budget is given and there is no data to measure a divergence on
OVERFITTED = 4.0  # times the error on calibration data: what held-out data may have before a warning
WORTH_A_WARNING = 1e-3  # of the outputs' variance: a smaller error is no matter


@dataclass(frozen=True)
class Outcome:
    """What quantizing to a budget gave.

    Attributes:
        tensors: in model order, ready to be written.
        curve: every rate point that was tried, by rising file size.
        chosen: the one of the tensors.
        warnings: what the caller should know.
        noise: tensor -> energy that its rounding adds to its layer's output, relative to that output's.
    """

    tensors: list[NamedTensor]
    curve: tuple[RatePoint, ...]
    chosen: RatePoint
    warnings: tuple[str, ...]
    noise: dict[str, float] = field(default_factory=dict)


def quantize_to_budget(
    model: Any,
    tensors: Sequence[NamedTensor],
    options: CalibrationOptions,
    bits_per_weight: float | None,
    nbytes_of: NbytesOf,
    progress: Progress | None = None,
) -> Outcome:
    """Quantize all float tensors of a model with error feedback, as coarsely as the budget allows.

    Args:
        model: of Keras or torch, built; it is as it was afterwards.
        tensors: its tensors.
        options: see `CalibrationOptions`.
        bits_per_weight: budget of the whole file.
        nbytes_of: size of the file of such tensors.
        progress: called with (layers done, of how many, name) in each sequential pass.

    Raises:
        BudgetError: a budget that cannot be kept; says what the closest point has.
        OptionError: options that exclude each other, inputs that the model does not take.
        UnsupportedTypeError: a model that cannot be run.
        NonFiniteError: NaN or infinity in weights, data or activations; names the tensor.
    """
    check(options, bits_per_weight)
    if options.get("data_free") and not can_run(model):
        return _rounded_to_budget(tensors, options, bits_per_weight, nbytes_of)
    network = open_network(model)
    sized = bits_per_weight is not None or options.get("target_bytes") is not None
    data = _data(network, options, sized=sized)
    search = Search(network, tensors, nbytes_of, NearLossless().step_code, options, *data, progress)
    budget, most = _budget(options, bits_per_weight, search)
    chosen = search.run(budget, most)
    result = search.result(chosen)
    warnings = [*complaints(search.inputs), *_overfitted(search.overfitting(result))]
    warnings += [] if budget.kept(chosen) else [budget.broken(chosen)]
    curve = tuple(sorted(search.curve, key=lambda p: p.nbytes))
    return Outcome(search.named(result), curve, chosen, tuple(warnings), result.noise)


def _rounded_to_budget(
    tensors: Sequence[NamedTensor], options: CalibrationOptions, bits_per_weight: float | None, nbytes_of: NbytesOf
) -> Outcome:
    """Weights without a network: every matrix rounded to the finest global step that the size allows."""
    if options.get("max_kl") is not None or options.get("evaluate") is not None:
        raise OptionError("weights alone have no outputs to compare: give target_bytes= or bits_per_weight=")
    values = {t.name: t.value for t in tensors if isinstance(t.value, np.ndarray)}
    require_finite_weights(values)
    offsets = offsets_of(name for name, value in values.items() if is_matrix(value))
    near_lossless = NearLossless()
    curve: list[RatePoint] = []

    def named(setting: int) -> list[NamedTensor]:
        steps = Steps(setting, lambda vector: unmeasured_code(vector, near_lossless.step_code(vector)), offsets)
        weights = {name: rounded(name, value, steps) for name, value in values.items()}
        return [t.with_value(weights.get(t.name) or t.value) for t in tensors]

    def trial(setting: int) -> RatePoint:
        curve.append(RatePoint(setting, nbytes_of(named(setting)), None, None, "rounding"))
        return curve[-1]

    budget, most = _size_of(options, bits_per_weight, sum(v.size for v in values.values()))
    chosen = settle_size(trial, budget, most, SizeEstimate.of(values, offsets), *searched(values))
    warnings = ["the model holds weights alone and cannot be run: rounded without error feedback"]
    warnings += [] if budget.kept(chosen) else [budget.broken(chosen)]
    return Outcome(named(chosen.setting), tuple(sorted(curve, key=lambda p: p.nbytes)), chosen, tuple(warnings))


def _size_of(options: CalibrationOptions, bits_per_weight: float | None, weights: int) -> tuple[Budget, int]:
    """The size that is asked for, or that of data-free coding where none is."""
    closest = bool(options.get("closest"))
    if options.get("target_bytes") is not None:
        most, words = options["target_bytes"], f"target_bytes={options['target_bytes']}"
    else:
        bits = DATA_FREE_BITS if bits_per_weight is None else bits_per_weight
        most, words = int(bits * weights / 8), f"bits_per_weight={bits:g}"
    return size_budget(most, words, closest=closest), most


def _data(network: Network, options: CalibrationOptions, *, sized: bool) -> tuple[Inputs, Inputs | None]:
    """Data to measure on and data to check with."""
    validation = options.get("validation")
    checked = None if validation is None else as_inputs(validation, "validation")
    if options.get("data_free"):
        shape, given_range = options.get("input_shape") or network.input_shape, options.get("input_range", (0.0, 1.0))
        return as_inputs(
            synthetic_inputs(shape, given_range, channels_first=network.channels_first, count=COUNT)
        ), checked
    inputs = as_inputs(options["calibration"])
    if checked is not None:
        return inputs, checked
    if sized or options.get("evaluate") is not None:  # nothing is measured on it: a few samples tell of overfitting
        return checked_apart(inputs)
    return held_out(inputs)


def _budget(options: CalibrationOptions, bits_per_weight: float | None, search: Search) -> tuple[Budget, int | None]:
    """What is to be kept, and the bytes if it is a size."""
    closest = bool(options.get("closest"))
    quality = options.get("max_kl") is not None or options.get("evaluate") is not None
    sized = bits_per_weight is not None or options.get("target_bytes") is not None
    if sized or (options.get("data_free") and not quality):
        return _size_of(options, bits_per_weight, search.weights)
    if options.get("evaluate") is not None:
        least = search.float_score() - options["tolerance"]
        return score_budget(least, options["tolerance"], closest=closest), None
    search.require_fidelity()
    return divergence_budget(options.get("max_kl", DEFAULT_KL), closest=closest), None


def _overfitted(errors: tuple[float, float] | None) -> list[str]:
    """Whether the result does as well on data that the quantizer has not seen."""
    if errors is None:
        return []
    unseen, seen = errors
    if unseen <= OVERFITTED * max(seen, 1e-12) or unseen < WORTH_A_WARNING:
        return []
    told = f"the relative error of the outputs is {unseen:.2g} on held-out inputs and {seen:.2g} on calibration inputs"
    return [f"{told}: calibrate on more of them"]
