"""The rate points of one model on one set of data: quantize, measure, remember."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..dtypes import is_float
from ..errors import NonFiniteError, OptionError
from ..frontends.protocol import NamedTensor
from ..quantize import CODES_PER_OCTAVE
from .activations import measure
from .budget import Budget, RatePoint, bisect, settle_quality, settle_size
from .fidelity import Fidelity, OutputError
from .networks import Network
from .networks.protocol import Inputs
from .one_shot import OneShot
from .options import CalibrationOptions, damping_of, rounding_of
from .rescale import rescale
from .resume import Checkpoint, NoCheckpoint, identity_of
from .rounding import Result, rounded
from .sequential import Sequential
from .size import SizeEstimate
from .steps import PARTS, Steps, is_matrix, offsets_of
from .synthetic import FEWEST_BITS
from .trace import trace
from .vectors import measured_steps, trial_code

SEARCHED_OCTAVES = 6  # to each side of the step at which networks commonly still work
FEEDBACK_SPREADS = 1.008  # a file against that of plainly rounded weights: .5 to 1.1 % larger in the networks tried

NbytesOf = Callable[[Sequence[NamedTensor]], int]
Progress = Callable[[int, int, str], None]
OtherStep = Callable[[np.ndarray], int | None]  # step code of what no data tells of


def searched(tensors: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """The finest and the coarsest setting that is looked at."""
    middle, reach = trial_code(tensors), SEARCHED_OCTAVES * CODES_PER_OCTAVE
    return PARTS * (middle - reach), PARTS * (middle + reach)


def require_finite_weights(values: Mapping[str, np.ndarray]) -> None:
    """Raise NonFiniteError, naming the tensor, for NaN or infinity in floats."""
    for name, value in values.items():
        if is_float(value.dtype) and not np.isfinite(value).all():
            raise NonFiniteError("NaN or infinity cannot be quantized; repair the tensor", tensor=name)


@dataclass
class Search:
    """Tries settings on a network.

    Attributes:
        network: the model.
        tensors: its tensors.
        nbytes_of: size of the file of such tensors.
        other: steps of vectors that no data reaches.
        options: the caller's.
        inputs: to measure on.
        validation: to check with, where there is something.
        progress: called with (layers done, of how many, name) in each sequential pass.
        curve: every point so far.
    """

    network: Network
    tensors: Sequence[NamedTensor]
    nbytes_of: NbytesOf
    other: OtherStep
    options: CalibrationOptions
    inputs: Inputs
    validation: Inputs | None
    progress: Progress | None
    curve: list[RatePoint] = field(default_factory=list)
    _results: dict[tuple[str, int], Result] = field(default_factory=dict)  # of the sequential passes
    _fidelity: Fidelity | None = None
    _one_shot: OneShot | None = None

    def __post_init__(self) -> None:
        self.values = {t.name: t.value for t in self.tensors if isinstance(t.value, np.ndarray)}
        require_finite_weights(self.values)
        traced = trace(self.network, self.inputs)
        fold = bool(self.options.get("fold_batch_norm"))
        self.rescaled = rescale(self.network, traced, self.values, fold=fold)
        self._sequential = Sequential(
            self.network, traced, self.rescaled, self.inputs, damping_of(self.options), rounding_of(self.options),
            self.progress, self._store(),
        )  # fmt: skip
        offsets = offsets_of(name for name, values in self.rescaled.tensors.items() if is_matrix(values))
        self._steps = measured_steps(self._sequential, Steps(0, self.other, offsets))

    def _store(self) -> Checkpoint | NoCheckpoint:
        folder = self.options.get("resume")
        if folder is None:
            return NoCheckpoint()
        fold = bool(self.options.get("fold_batch_norm"))
        settings = f"{damping_of(self.options)} {rounding_of(self.options)} fold={fold}"
        return Checkpoint(Path(folder), identity_of(self.values, self.inputs, settings))

    @property
    def weights(self) -> int:
        """Number of elements of all tensors."""
        return sum(v.size for v in self.values.values())

    def require_fidelity(self) -> None:
        """Measure divergences from here on."""
        if self.validation is None:
            raise OptionError("max_kl needs validation= data where there is no calibration data")
        if self._fidelity is None:
            self._fidelity = Fidelity(self.network, self.validation)

    def float_score(self) -> float:
        """What the caller's evaluate says of the float model."""
        with self.network.loaded(self.values) as model:
            return float(self.options["evaluate"](model))

    def run(self, budget: Budget, most: int | None) -> RatePoint:
        """The point that keeps the budget best; `most` bytes if it is one of size."""
        one_shot = self.options.get("data_free") or self.options.get("method") == "one_shot"
        last = self.one_shot if one_shot else self.sequential
        low, high = searched(self.rescaled.tensors)
        if most is not None:
            estimate = SizeEstimate.of(self.rescaled.tensors, self._steps.offsets)
            for _ in range(2):  # the second one is close to the size
                first = self.rounding(estimate.finest(most, low, high))
                estimate.learn(first.setting, first.nbytes)
            estimate.learn(first.setting, round(FEEDBACK_SPREADS * first.nbytes))
            if first.setting == high and not budget.kept(first):
                return budget.require(first)
            return self._checked(settle_size(last, budget, most, estimate, low, high))
        setting = PARTS * bisect(lambda code: self.one_shot(PARTS * code), budget, low // PARTS, high // PARTS)
        return self._checked(self.one_shot(setting) if one_shot else settle_quality(self.sequential, budget, setting))

    def _checked(self, point: RatePoint) -> RatePoint:
        bits = 8 * point.nbytes / max(self.weights, 1)
        if self.options.get("data_free") and bits < FEWEST_BITS:
            raise OptionError(
                f"data-free quantizing to {bits:.2f} bits a weight is known to fail: allow {FEWEST_BITS}, or calibrate"
            )
        return point

    def rounding(self, setting: int) -> RatePoint:
        """The point of a setting without any data."""
        return self._point("rounding", setting, self._rounded)

    def _rounded(self, steps: Steps) -> Result:
        weights = dict(self.rescaled.fixed)
        for name, values in self.rescaled.tensors.items():
            if name not in weights and (weight := rounded(name, values, steps)) is not None:
                weights[name] = weight
        return Result(weights)

    def one_shot(self, setting: int) -> RatePoint:
        """The point of a setting by the moments of the float network."""
        return self._point("one_shot", setting, self._of_moments)

    def _of_moments(self, steps: Steps) -> Result:
        if self._one_shot is None:
            job = self._sequential
            sites = {layer.tensors[site.variable]: site for layer in self.network.layers for site in layer.sites}
            moments = measure(self.network, self.inputs)
            self._one_shot = OneShot(self.rescaled, sites, moments, job.damping, job.rounding)
        return self._one_shot.quantize(steps)

    def sequential(self, setting: int) -> RatePoint:
        """The point of a setting by a pass of its own."""
        return self._point("sequential", setting, self._sequential.quantize)

    def _point(self, quantizer: str, setting: int, quantize: Callable[[Steps], Result]) -> RatePoint:
        known = next((p for p in self.curve if (p.quantizer, p.setting) == (quantizer, setting)), None)
        if known is not None:
            return known
        result = quantize(replace(self._steps, setting=setting))
        if quantizer == "sequential":
            self._results[quantizer, setting] = result
        point = RatePoint(setting, self.nbytes_of(self.named(result)), *self._errors(result), quantizer)
        self.curve.append(point)
        return point

    def result(self, point: RatePoint) -> Result:
        """The weights of a point that was tried; those of cheap quantizers are made again."""
        steps = replace(self._steps, setting=point.setting)
        again = {"rounding": self._rounded, "one_shot": self._of_moments}
        if point.quantizer in again:
            return again[point.quantizer](steps)
        return self._results[point.quantizer, point.setting]

    def _errors(self, result: Result) -> tuple[float | None, float | None]:
        evaluate = self.options.get("evaluate")
        if self._fidelity is None and evaluate is None:
            return None, None
        with self.network.loaded(self.decoded(result)) as model:
            divergence = None if self._fidelity is None else self._fidelity.divergence()
            return divergence, None if evaluate is None else float(evaluate(model))

    def decoded(self, result: Result) -> dict[str, np.ndarray]:
        """All tensors of the model as they will be decoded."""
        return {**self.values, **{name: weight.factors["weight"] for name, weight in result.weights.items()}}

    def named(self, result: Result) -> list[NamedTensor]:
        """All tensors of the model, quantized where they are."""
        return [t.with_value(result.weights.get(t.name, t.value)) for t in self.tensors]

    def overfitting(self, result: Result) -> tuple[float, float] | None:
        """Relative squared error of the outputs on held-out and on as many calibration inputs, where both are there."""
        if self.validation is None:
            return None
        sides = [OutputError(self.network, inputs) for inputs in (self.validation, self.inputs[: len(self.validation)])]
        with self.network.loaded(self.decoded(result)):
            held_out, seen = (side.relative() for side in sides)
        return held_out, seen
