"""Quantizing a network's tensors: in one shot from stored moments, or layer by layer behind the layers before it.

Both give tensors that are multiples of their steps. What is no site (vectors, embeddings, layers that no data
reached) is rounded by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dtypes import is_float
from ..errors import WczError
from ..factorizations import Dense, FactoredWeight
from ..quantize import from_symbols, step_values, to_symbols
from .activations import Positions, absorbed_layers, require_finite, slices
from .moments import Moments
from .networks import Call, Layer, Network
from .networks.protocol import Inputs
from .obs import damped, feedback_of, round_rows, target
from .sites import Site

Tensors = Mapping[str, np.ndarray]
StepRule = Callable[[np.ndarray], int | None]  # values -> step code; None stores them bit for bit
Quantized = dict[str, FactoredWeight]  # name -> weight that is a multiple of its step


@dataclass(frozen=True)
class Damping:
    """What is added to the diagonal of second moments, relative to its mean.

    Attributes:
        feedback: of the rounding; more for data that is not the network's own, or scarce.
        target: of the correction for the errors of the layers before.
    """

    feedback: float = 0.01
    target: float = 0.01


def rounded(values: np.ndarray, rule: StepRule) -> FactoredWeight | None:
    """`values` rounded to the nearest multiples of their step, or None where they are stored bit for bit."""
    if not is_float(values.dtype) or values.dtype.itemsize == 1:
        return None
    code = rule(values)
    return None if code is None else _multiple(to_symbols(values, code), code)


def _multiple(symbols: np.ndarray, code: int) -> FactoredWeight:
    values = from_symbols(symbols, code)
    return FactoredWeight(Dense(values.shape), {"weight": values}, {"weight": np.asarray(code)})


def _with_feedback(
    site: Site, matrices: np.ndarray, factors: list[np.ndarray], code: int, shape: tuple[int, ...]
) -> FactoredWeight:
    step = float(step_values(code))
    symbols = np.stack([round_rows(w, step, f) for w, f in zip(matrices, factors, strict=True)])
    return _multiple(site.from_matrices(symbols, shape), code)


@dataclass
class OneShot:
    """Every weight against the moments that the float network gave it; a rate point takes fractions of a second.

    Attributes:
        tensors: the model's, by name.
        sites: tensor name -> site.
        moments: tensor name -> moments of its input.
        damping: of the feedback.
    """

    tensors: Tensors
    sites: Mapping[str, Site]
    moments: Mapping[str, Moments]
    damping: Damping
    _factors: dict[str, list[np.ndarray]] = field(default_factory=dict, repr=False)

    def quantize(self, rule: StepRule) -> Quantized:
        """All float tensors under `rule`; names the tensor in every error."""
        quantized = {}
        for name, values in self.tensors.items():
            try:
                weight = self._with_feedback(name, values, rule) if name in self.moments else rounded(values, rule)
            except WczError as e:
                raise e.about(name) from e
            if weight is not None:
                quantized[name] = weight
        return quantized

    def _with_feedback(self, name: str, values: np.ndarray, rule: StepRule) -> FactoredWeight | None:
        code = rule(values)
        if code is None:
            return None
        site = self.sites[name]
        if name not in self._factors:
            moments = self.moments[name].inputs(centred=False)
            self._factors[name] = [feedback_of(damped(h, self.damping.feedback)) for h in moments]
        return _with_feedback(site, site.to_matrices(values), self._factors[name], code, values.shape)


@dataclass
class Sequential:
    """Layer after layer, each against the inputs that the quantized layers before it give.

    The network runs once on a twin batch: the first half goes through the float layers, the second through the
    quantized ones. At each layer both inputs are at hand; its weights are aimed at the float output
    (`obs.target`), rounded with feedback, and the additive variable takes up the mean error that is left.

    Attributes:
        network: runs the model.
        tensors: the model's, by name.
        inputs: calibration data, all of it in memory at once.
        damping: of target and feedback.
        progress: called with (layers done, of how many, name).
    """

    network: Network
    tensors: Tensors
    inputs: Inputs
    damping: Damping
    progress: Callable[[int, int, str], None] | None = None

    def quantize(self, rule: StepRule) -> Quantized:
        """All float tensors under `rule`; names the tensor in every error."""
        one_pass = _TwinPass(self, rule, absorbed_layers(self.network, self.inputs))
        self.network.run(self.inputs.twice(), one_pass.visit)
        for name, values in self.tensors.items():
            if name not in one_pass.quantized and (weight := _rounded_as(name, values, rule)) is not None:
                one_pass.quantized[name] = weight
        return one_pass.quantized


def _rounded_as(name: str, values: np.ndarray, rule: StepRule) -> FactoredWeight | None:
    try:
        return rounded(values, rule)
    except WczError as e:
        raise e.about(name) from e


@dataclass
class _TwinPass:
    """One run of the twin batch; fills `quantized`."""

    job: Sequential
    rule: StepRule
    absorbed: frozenset[str]
    quantized: Quantized = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def visit(self, call: Call) -> Any:
        layer = call.layer
        float_half, quantized_half = call.halves()
        wanted = float_half.output({})
        if layer.name not in self.done:
            self.done.add(layer.name)
            self._quantize_weights(layer, float_half, quantized_half)
            self._quantize_additive(layer, wanted, quantized_half)
            if self.job.progress is not None:
                self.job.progress(len(self.done), len(self.job.network.layers), layer.name)
        return call.joined(wanted, quantized_half.output(self._values(layer)))

    def _values(self, layer: Layer) -> dict[str, np.ndarray]:
        """The quantized variables of a layer, by their names inside it."""
        named = {v: self.quantized.get(t) for v, t in layer.tensors.items()}
        return {variable: weight.factors["weight"] for variable, weight in named.items() if weight is not None}

    def _quantize_weights(self, layer: Layer, float_half: Call, quantized_half: Call) -> None:
        sites = {site.variable: site for site in layer.sites}
        for variable, name in layer.tensors.items():
            values = self.job.tensors[name]
            if variable == layer.additive:
                continue
            try:
                if variable in sites:
                    moments = self._moments(sites[variable], float_half, quantized_half, name)
                    weight = self._with_feedback(sites[variable], values, moments, layer.name in self.absorbed)
                else:
                    weight = rounded(values, self.rule)
            except WczError as e:
                raise e.about(name) from e
            if weight is not None:
                self.quantized[name] = weight

    def _moments(self, site: Site, float_half: Call, quantized_half: Call, name: str) -> Moments:
        x_float, x = (self.job.network.to_numpy(half.argument) for half in (float_half, quantized_half))
        require_finite(x_float, name)
        moments, apart = Moments(), not np.array_equal(x_float, x)
        for number, samples in slices(len(x)):
            positions = Positions(number)
            float_columns = site.columns(x_float[samples], positions) if apart else None
            moments.add(site.columns(x[samples], positions), float_columns)
        return moments

    def _with_feedback(self, site: Site, values: np.ndarray, moments: Moments, centred: bool) -> FactoredWeight | None:
        code = self.rule(values)
        if code is None:
            return None
        damping = self.job.damping
        inputs, cross = moments.inputs(centred=centred), moments.cross(centred=centred)
        aims, factors = [], []
        for w, h, c in zip(site.to_matrices(values), inputs, cross, strict=True):
            aims.append(target(w, h, c, damping.target) if h is not c else w)
            factors.append(feedback_of(damped(h, damping.feedback)))
        return _with_feedback(site, np.stack(aims), factors, code, values.shape)

    def _quantize_additive(self, layer: Layer, wanted: Any, quantized_half: Call) -> None:
        """Move the additive variable by the mean error of the output, then round it."""
        if layer.additive is None:
            return
        name = layer.tensors[layer.additive]
        to_numpy = self.job.network.to_numpy
        got = to_numpy(quantized_half.output(self._values(layer)))
        error = np.moveaxis(to_numpy(wanted) - got, layer.channel_axis, -1)
        shift = error.mean(axis=tuple(range(error.ndim - 1)), dtype=np.float64)
        values = self.job.tensors[name]
        weight = _rounded_as(name, (values + shift).astype(values.dtype), self.rule)
        if weight is not None:
            self.quantized[name] = weight
