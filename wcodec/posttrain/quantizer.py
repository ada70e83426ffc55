"""Quantizing a network's tensors: in one shot from stored moments, or layer by layer behind the layers before it.

Both give tensors that are multiples of their steps. What is no site (vectors, embeddings, layers that no data
reached) is rounded by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from .steps import Steps, is_vector

Tensors = Mapping[str, np.ndarray]
Quantized = dict[str, FactoredWeight]  # name -> weight that is a multiple of its step


@dataclass(frozen=True)
class Damping:
    """What is added to the diagonal of second moments, relative to its mean.

    Attributes:
        feedback: of the rounding; more for data that is not the network's own, or scarce.
        target: of the correction for the errors of the layers before.
    """

    feedback: float = 0.01
    target: float = 0.1


def rounded(name: str, values: np.ndarray, steps: Steps) -> FactoredWeight | None:
    """`values` rounded to the nearest multiples of their step, or None where they are stored bit for bit.

    Raises:
        WczError: names the tensor.
    """
    if not is_float(values.dtype) or values.dtype.itemsize == 1:
        return None
    try:
        code = steps.code_of(name, values)
        return None if code is None else _multiple(to_symbols(values, code), code)
    except WczError as e:
        raise e.about(name) from e


def _multiple(symbols: np.ndarray, code: int) -> FactoredWeight:
    values = from_symbols(symbols, code)
    return FactoredWeight(Dense(values.shape), {"weight": values}, {"weight": np.asarray(code)})


def _with_feedback(
    site: Site, matrices: Sequence[np.ndarray], factors: Sequence[np.ndarray], code: int, shape: tuple[int, ...]
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

    def quantize(self, steps: Steps) -> Quantized:
        """All float tensors; names the tensor in every error."""
        found = {}
        for name, values in self.tensors.items():
            measured = name in self.moments
            found[name] = self._with_feedback(name, values, steps) if measured else rounded(name, values, steps)
        return {name: weight for name, weight in found.items() if weight is not None}

    def _with_feedback(self, name: str, values: np.ndarray, steps: Steps) -> FactoredWeight | None:
        code = steps.code_of(name, values)
        if code is None:
            return None
        site = self.sites[name]
        try:
            if name not in self._factors:
                moments = self.moments[name].inputs(centred=False)
                self._factors[name] = [feedback_of(damped(h, self.damping.feedback)) for h in moments]
            return _with_feedback(site, list(site.to_matrices(values)), self._factors[name], code, values.shape)
        except WczError as e:
            raise e.about(name) from e


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

    def quantize(self, steps: Steps) -> Quantized:
        """All float tensors; names the tensor in every error."""
        twins = TwinPass(self, steps, absorbed_layers(self.network, self.inputs))
        self.network.run(self.inputs.twice(), twins.visit)
        for name, values in self.tensors.items():  # what the network did not reach
            if name not in twins.quantized and (weight := rounded(name, values, steps)) is not None:
                twins.quantized[name] = weight
        return twins.quantized


@dataclass
class TwinPass:
    """One run of the twin batch; fills `quantized`, layer after layer."""

    job: Sequential
    steps: Steps
    absorbed: frozenset[str]
    quantized: Quantized = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def visit(self, call: Call) -> Any:
        """Stand in for a layer: quantize it when it is first met, then let both halves through."""
        layer = call.layer
        float_half, quantized_half = call.halves()
        wanted = float_half.output({})
        if layer.name not in self.done:
            self.done.add(layer.name)
            self._quantize_matrices(layer, float_half, quantized_half)
            self._quantize_vectors(layer, wanted, quantized_half)
            if self.job.progress is not None:
                self.job.progress(len(self.done), len(self.job.network.layers), layer.name)
        return call.joined(wanted, quantized_half.output(self._values(layer)))

    def _values(self, layer: Layer) -> dict[str, np.ndarray]:
        """The quantized variables of a layer, by their names inside it."""
        named = {v: self.quantized.get(t) for v, t in layer.tensors.items()}
        return {variable: weight.factors["weight"] for variable, weight in named.items() if weight is not None}

    def _quantize_matrices(self, layer: Layer, float_half: Call, quantized_half: Call) -> None:
        sites = {layer.tensors[site.variable]: site for site in layer.sites}
        for name in layer.tensors.values():
            values = self.job.tensors[name]
            if name in sites:
                moments = self._moments(sites[name], float_half, quantized_half, name)
                weight = self._with_feedback(sites[name], name, moments, layer.name in self.absorbed)
            else:
                weight = None if is_vector(values) else rounded(name, values, self.steps)
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

    def _with_feedback(self, site: Site, name: str, moments: Moments, centred: bool) -> FactoredWeight | None:
        values, damping = self.job.tensors[name], self.job.damping
        code = self.steps.code_of(name, values)
        if code is None:
            return None
        inputs, cross = moments.inputs(centred=centred), moments.cross(centred=centred)
        matrices = list(site.to_matrices(values))
        try:
            if moments.apart:
                aims = zip(matrices, inputs, cross, strict=True)
                matrices = [target(w, h, c, damping.target) for w, h, c in aims]
            factors = [feedback_of(damped(h, damping.feedback)) for h in inputs]
            return _with_feedback(site, matrices, factors, code, values.shape)
        except WczError as e:
            raise e.about(name) from e

    def _quantize_vectors(self, layer: Layer, wanted: Any, quantized_half: Call) -> None:
        """Round the vectors; the additive one comes last, moved by the mean error of the output before that."""
        vectors = [name for name in layer.tensors.values() if is_vector(self.job.tensors[name])]
        additive = layer.tensors[layer.additive] if layer.additive is not None else None
        for name in vectors:
            if name != additive:
                self._round(name, self.job.tensors[name])
        if additive is not None:
            shift = self.error(layer, wanted, quantized_half).mean(axis=0, dtype=np.float64)
            values = self.job.tensors[additive]
            self._round(additive, (values + shift).astype(values.dtype))

    def _round(self, name: str, values: np.ndarray) -> None:
        weight = rounded(name, values, self.steps)
        if weight is not None:
            self.quantized[name] = weight

    def error(self, layer: Layer, wanted: Any, quantized_half: Call) -> np.ndarray:
        """Float output less quantized output, (samples * positions, channels)."""
        to_numpy = self.job.network.to_numpy
        error = to_numpy(wanted) - to_numpy(quantized_half.output(self._values(layer)))
        moved = np.moveaxis(error, layer.channel_axis, -1)
        return np.asarray(moved.reshape(-1, moved.shape[-1]))
