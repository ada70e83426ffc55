"""encode(model, calibration=...): a trained model, quantized with error feedback to a budget.

Joins the parts of `wcodec.posttrain`: opens the model, measures it on the calibration data, searches the step that
the budget allows, and gives back tensors that are multiples of their steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

import numpy as np

from .dtypes import is_float
from .errors import NonFiniteError, OptionError
from .frontends.protocol import NamedTensor
from .plan import NearLossless
from .posttrain.activations import measure
from .posttrain.budget import Budget, RatePoint, bisect, divergence_budget, score_budget, settle, size_budget
from .posttrain.calibration import as_inputs, complaints, held_out
from .posttrain.fidelity import Fidelity
from .posttrain.networks import Network, can_run, open_network
from .posttrain.networks.protocol import Inputs
from .posttrain.quantizer import Damping, OneShot, Quantized, Sequential
from .posttrain.steps import Steps
from .posttrain.synthetic import COUNT, DAMPING, FEWEST_BITS, noise_images
from .posttrain.vectors import trial_code, vector_scales
from .quantize import CODES_PER_OCTAVE

SEARCHED_OCTAVES = 6  # to each side of the step at which networks commonly still work
DEFAULT_KL = 0.01  # nats, where no budget is given
DATA_FREE_BITS = 3.0  # a weight, where no budget is given and there is no data to measure a divergence on
OVERFITTED = 8.0  # times the divergence on calibration data: what held-out data may have before a warning

METHODS = ("sequential", "one_shot")


class CalibrationOptions(TypedDict, total=False):
    """Options of `encode` that ask for error feedback; every one of them may be left out.

    calibration: inputs of the model, samples first: an array, a tuple of arrays, or a mapping by input name; 512
        unlabelled samples of training data are good.
    validation: inputs to measure the divergence on; for max_kl, by default every eighth calibration sample.
    data_free: calibrate on synthetic images; needs more bytes, see `input_shape` and `input_range`.
    input_shape: of one image, for data_free where the model does not tell.
    input_range: lowest and highest value of the inputs, for data_free; 0 to 1 by default.
    target_bytes: of the whole file, reached from below.
    max_kl: mean divergence in nats from the float model's class probabilities; by default 0.01.
    evaluate: model -> score, the higher the better, with `tolerance`.
    tolerance: how much lower than the float model's the score may be.
    method: "sequential" (layers aim at the float outputs from quantized inputs) or "one_shot" (faster).
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
    method: str


@dataclass(frozen=True)
class Outcome:
    """What quantizing to a budget gave.

    Attributes:
        tensors: in model order, ready to be written.
        curve: every rate point that was tried, by rising file size.
        chosen: the one of the tensors.
        warnings: what the caller should know.
    """

    tensors: list[NamedTensor]
    curve: tuple[RatePoint, ...]
    chosen: RatePoint
    warnings: tuple[str, ...]


NbytesOf = Callable[[Sequence[NamedTensor]], int]
Progress = Callable[[int, int, str], None]


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
        OptionError: a budget that cannot be kept (says what the closest point has), options that exclude each other,
            inputs that the model does not take.
        UnsupportedTypeError: a model that cannot be run.
        NonFiniteError: NaN or infinity in weights, data or activations; names the tensor.
    """
    _check(options, bits_per_weight)
    if options.get("data_free") and not can_run(model):
        return _rounded_to_budget(tensors, options, bits_per_weight, nbytes_of)
    network = open_network(model)
    sized = bits_per_weight is not None or options.get("target_bytes") is not None
    search = _Search(network, tensors, nbytes_of, options, *_data(network, options, sized=sized), progress)
    chosen = search.run(_budget(options, bits_per_weight, search))
    warnings = [*complaints(search.inputs), *search.complaints(chosen)]
    curve = tuple(sorted(search.curve, key=lambda p: p.nbytes))
    return Outcome(search.named(search.quantized(chosen)), curve, chosen, tuple(warnings))


def _rounded_to_budget(
    tensors: Sequence[NamedTensor], options: CalibrationOptions, bits_per_weight: float | None, nbytes_of: NbytesOf
) -> Outcome:
    """Weights without a network: every matrix rounded to the finest global step that the size allows."""
    values = {t.name: t.value for t in tensors if isinstance(t.value, np.ndarray)}
    rounding = OneShot(values, {}, {}, Damping())
    curve: list[RatePoint] = []

    def named(code: int) -> list[NamedTensor]:
        quantized = rounding.quantize(Steps(code, NearLossless().step_code))
        return [replace(t, value=quantized.get(t.name, t.value)) for t in tensors]

    def trial(code: int) -> RatePoint:
        curve.append(RatePoint(code, nbytes_of(named(code)), None, None, "rounding"))
        return curve[-1]

    if options.get("max_kl") is not None or options.get("evaluate") is not None:
        raise OptionError("weights alone have no outputs to compare: give target_bytes= or bits_per_weight=")
    budget = _size_of(options, bits_per_weight, sum(v.size for v in values.values()))
    middle, reach = trial_code(values), SEARCHED_OCTAVES * CODES_PER_OCTAVE
    code = bisect(trial, budget, middle - reach, middle + reach)
    chosen = next(point for point in curve if point.step_code == code)
    notice = "the model holds weights alone and cannot be run: rounded without error feedback"
    return Outcome(named(code), tuple(sorted(curve, key=lambda p: p.nbytes)), chosen, (notice,))


def _size_of(options: CalibrationOptions, bits_per_weight: float | None, weights: int) -> Budget:
    """The size that is asked for, or that of data-free coding where none is."""
    if options.get("target_bytes") is not None:
        return size_budget(options["target_bytes"], f"target_bytes={options['target_bytes']}")
    bits = DATA_FREE_BITS if bits_per_weight is None else bits_per_weight
    return size_budget(int(bits * weights / 8), f"bits_per_weight={bits:g}")


def _check(options: CalibrationOptions, bits_per_weight: float | None) -> None:
    budgets = [name for name in ("target_bytes", "max_kl", "evaluate") if options.get(name) is not None]
    budgets += ["bits_per_weight"] if bits_per_weight is not None else []
    if len(budgets) > 1:
        raise OptionError(f"one budget at a time, not {' and '.join(budgets)}")
    if options.get("method", METHODS[0]) not in METHODS:
        raise OptionError(f"method {options['method']!r} is not one of {', '.join(METHODS)}")
    if options.get("calibration") is None and not options.get("data_free"):
        raise OptionError(f"{' and '.join(options)}: give calibration= data, or data_free=True")
    if options.get("calibration") is not None and options.get("data_free"):
        raise OptionError("calibration and data_free exclude each other")
    if (options.get("evaluate") is None) is not (options.get("tolerance") is None):
        raise OptionError("evaluate and tolerance go together")
    for name in ("target_bytes", "max_kl"):
        if options.get(name) is not None and not options[name] > 0:
            raise OptionError(f"{name}={options[name]} is not positive")


def _data(network: Network, options: CalibrationOptions, *, sized: bool) -> tuple[Inputs, Inputs | None]:
    """Data to measure on and data to check with."""
    validation = options.get("validation")
    checked = None if validation is None else as_inputs(validation, "validation")
    if options.get("data_free"):
        shape = options.get("input_shape") or network.image_shape
        if shape is None:
            raise OptionError("the model does not tell the shape of its input: give input_shape=, of one image")
        images = noise_images(
            tuple(shape), options.get("input_range", (0.0, 1.0)), channels_first=network.channels_first, count=COUNT
        )
        return as_inputs(images), checked
    inputs = as_inputs(options["calibration"])
    if checked is not None or sized or options.get("evaluate") is not None:
        return inputs, checked  # a size or a score of the caller's needs no data to check with
    return held_out(inputs)


def _budget(options: CalibrationOptions, bits_per_weight: float | None, search: _Search) -> Budget:
    quality = options.get("max_kl") is not None or options.get("evaluate") is not None
    sized = bits_per_weight is not None or options.get("target_bytes") is not None
    if sized or (options.get("data_free") and not quality):
        return _size_of(options, bits_per_weight, search.weights)
    if options.get("evaluate") is not None:
        return score_budget(search.float_score() - options["tolerance"], options["tolerance"])
    search.require_fidelity()
    return divergence_budget(options.get("max_kl", DEFAULT_KL))


@dataclass
class _Search:
    """The rate points of one model on one set of data."""

    network: Network
    tensors: Sequence[NamedTensor]
    nbytes_of: NbytesOf
    options: CalibrationOptions
    inputs: Inputs
    validation: Inputs | None
    progress: Progress | None
    curve: list[RatePoint] = field(default_factory=list)
    passes: dict[int, Quantized] = field(default_factory=dict)  # step code -> what its sequential pass gave

    def __post_init__(self) -> None:
        self.values = {t.name: t.value for t in self.tensors if isinstance(t.value, np.ndarray)}
        for name, values in self.values.items():
            if is_float(values.dtype) and not np.isfinite(values).all():
                raise NonFiniteError("NaN or infinity cannot be quantized; repair the tensor", tensor=name)
        damping = DAMPING if self.options.get("data_free") else Damping()
        self._sequential = Sequential(self.network, self.values, self.inputs, damping, self.progress)
        other = NearLossless().step_code
        self._steps = Steps(0, other, vector_scales(self._sequential, Steps(0, other)))
        sites = {layer.tensors[site.variable]: site for layer in self.network.layers for site in layer.sites}
        self._one_shot = OneShot(self.values, sites, measure(self.network, self.inputs), damping)
        self._fidelity: Fidelity | None = None

    @property
    def weights(self) -> int:
        """Number of elements of all tensors."""
        return sum(v.size for v in self.values.values())

    def require_fidelity(self) -> Fidelity:
        """Measure divergences from here on."""
        if self._fidelity is None:
            if self.validation is None:
                raise OptionError("max_kl needs validation= data where there is no calibration data")
            self._fidelity = Fidelity(self.network, self.validation)
        return self._fidelity

    def float_score(self) -> float:
        """What the caller's evaluate says of the float model."""
        with self.network.loaded(self.values) as model:
            return float(self.options["evaluate"](model))

    def run(self, budget: Budget) -> RatePoint:
        """The point that keeps the budget best."""
        middle = trial_code(self.values)
        reach = SEARCHED_OCTAVES * CODES_PER_OCTAVE
        code = bisect(self.one_shot, budget, middle - reach, middle + reach)
        if self.options.get("data_free"):
            self._refuse_low_rate(self.one_shot(code))
        if self.options.get("data_free") or self.options.get("method") == "one_shot":
            return self.one_shot(code)
        return settle(self.sequential, budget, code)

    def _refuse_low_rate(self, point: RatePoint) -> None:
        bits = 8 * point.nbytes / self.weights
        if bits < FEWEST_BITS:
            raise OptionError(
                f"data-free quantizing to {bits:.2f} bits a weight is known to fail: allow {FEWEST_BITS}, or calibrate"
            )

    def one_shot(self, code: int) -> RatePoint:
        """The point of a step code by the moments of the float network."""
        return self._point("one_shot", code, self._one_shot.quantize)

    def sequential(self, code: int) -> RatePoint:
        """The point of a step code by a pass of its own."""
        return self._point("sequential", code, self._pass)

    def _pass(self, steps: Steps) -> Quantized:
        self.passes[steps.code] = self._sequential.quantize(steps)
        return self.passes[steps.code]

    def _point(self, quantizer: str, code: int, quantize: Callable[[Steps], Quantized]) -> RatePoint:
        known = next((p for p in self.curve if (p.quantizer, p.step_code) == (quantizer, code)), None)
        if known is not None:
            return known
        quantized = quantize(replace(self._steps, code=code))
        point = RatePoint(code, self.nbytes_of(self.named(quantized)), *self._errors(quantized), quantizer)
        self.curve.append(point)
        return point

    def quantized(self, point: RatePoint) -> Quantized:
        """The weights of a point that was tried; those of the one-shot quantizer are made again."""
        if point.step_code in self.passes and point.quantizer == "sequential":
            return self.passes[point.step_code]
        return self._one_shot.quantize(replace(self._steps, code=point.step_code))

    def _errors(self, quantized: Quantized) -> tuple[float | None, float | None]:
        evaluate = self.options.get("evaluate")
        if self._fidelity is None and evaluate is None:
            return None, None
        decoded = {name: quantized[name].factors["weight"] for name in quantized}
        with self.network.loaded({**self.values, **decoded}) as model:
            divergence = None if self._fidelity is None else self._fidelity.divergence()
            return divergence, None if evaluate is None else float(evaluate(model))

    def named(self, quantized: Mapping[str, Any]) -> list[NamedTensor]:
        """All tensors of the model, quantized where they are."""
        return [replace(t, value=quantized.get(t.name, t.value)) for t in self.tensors]

    def complaints(self, chosen: RatePoint) -> list[str]:
        """Whether the chosen point does as well on data that the quantizer has not seen."""
        if self.validation is None or chosen.divergence is None:
            return []
        decoded = {name: weight.factors["weight"] for name, weight in self.quantized(chosen).items()}
        seen = Fidelity(self.network, self.inputs[: len(self.validation)])
        with self.network.loaded({**self.values, **decoded}):
            divergence = seen.divergence()
        if chosen.divergence <= OVERFITTED * max(divergence, 1e-9) or chosen.divergence < DEFAULT_KL:
            return []
        told = f"the KL is {chosen.divergence:.4g} on held-out inputs and {divergence:.4g} on calibration inputs"
        return [f"{told}: calibrate on more of them"]
