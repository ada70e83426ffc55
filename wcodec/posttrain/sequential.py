"""Quantizing layer after layer, each behind the quantized layers before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..errors import naming
from ..factorizations import FactoredWeight
from .activations import SLICE, Positions, require_finite, slices
from .moments import Moments
from .networks import Call, Layer, Network
from .networks.protocol import Inputs
from .networks.structures import on_axis
from .obs import Factor, Rounding, damped, factored, target
from .rescale import Rescaled, gain
from .resume import NoCheckpoint, Store
from .rounding import Damping, Quantized, Result, rounded, rounded_with_feedback
from .sites import Columns, Site
from .steps import Steps, is_vector
from .trace import Carried, Trace

SMALLEST_GAIN = 0.1  # of a norm's channels, relative to the median: an error behind a smaller one is not asked of W


@dataclass
class Sequential:
    """The network runs once on a twin batch: one half through the float layers, the other through the quantized ones.

    At each layer both inputs are at hand; its weights are aimed at the float output, and at undoing the error of what
    will be added to it (`obs.target`), rounded with feedback, and the additive vector takes up the mean error left.

    Attributes:
        network: runs the model.
        traced: what follows what in it.
        rescaled: the model's tensors.
        inputs: calibration data, all of it in memory at once.
        damping: of target and feedback.
        rounding: how hard symbols are searched for.
        progress: called with (layers done, of how many, name).
        store: keeps the matrices of a pass, so that a pass that was broken off goes on.
    """

    network: Network
    traced: Trace
    rescaled: Rescaled
    inputs: Inputs
    damping: Damping
    rounding: Rounding
    progress: Callable[[int, int, str], None] | None = None
    store: Store = field(default_factory=NoCheckpoint)

    def quantize(self, steps: Steps) -> Result:
        """All float tensors; names the tensor in every error."""
        twins = TwinPass(self, steps)
        twins.run()
        for name, values in self.rescaled.tensors.items():  # what the network did not reach
            if name not in twins.quantized and (weight := rounded(name, values, steps)) is not None:
                twins.quantized[name] = weight
        return Result(twins.quantized, twins.noise)


@dataclass(frozen=True)
class _Measured:
    """Moments of the input of a site, as the quantizer uses them.

    Attributes:
        argument: what the layer was called with.
        columns: how the site sees it.
        centred: whether the moments are about the mean.
        inputs: as in `obs.target`, for each matrix.
        cross: likewise; None where both networks have the same inputs.
        carried: likewise; None where nothing is added.
        factors: of each damped `inputs`.
    """

    argument: Any
    columns: Columns
    centred: bool
    inputs: np.ndarray
    cross: np.ndarray | None
    carried: np.ndarray | None
    factors: Sequence[Factor]

    def serves(self, argument: Any, site: Site, *, centred: bool) -> bool:
        """Whether another site meets the same columns."""
        return argument is self.argument and site.columns == self.columns and centred == self.centred

    def aims(self, matrices: list[np.ndarray], damping: float) -> list[np.ndarray]:
        """The weights that come nearest to the float output."""
        if self.cross is None and self.carried is None:
            return matrices
        cross = self.inputs if self.cross is None else self.cross
        pulls = [0.0] * len(matrices) if self.carried is None else list(self.carried)
        each = zip(matrices, self.inputs, cross, pulls, strict=True)
        return [target(w, h, c, damping, s) for w, h, c, s in each]


class TwinPass:
    """One run of the twin batch; fills `quantized` and `noise`, layer after layer."""

    rounds_tables: ClassVar[bool] = True  # what is no site and no vector

    def __init__(self, job: Sequential, steps: Steps) -> None:
        self.job, self.steps = job, steps
        self.quantized: Quantized = dict(job.rescaled.fixed)
        self.noise: dict[str, float] = {}
        self._done: set[str] = set()
        self._last: _Measured | None = None
        self._carried = Carried(job.traced.carriers)
        self._store = job.store.of(steps)
        layers = {layer.name: layer for layer in job.network.layers}
        self._norms = {name: layers[behind] for name, behind in job.traced.norms.items()}

    def run(self) -> None:
        """Let the twin batch through the network."""
        self.job.network.run(self.job.inputs.twice(), self.visit, self._carried)

    def visit(self, call: Call) -> Any:
        """Stand in for a layer: quantize it when it is first met, then let both halves through."""
        layer = call.layer
        float_half, quantized_half = call.halves()
        found = None
        wanted = float_half.output(self._moved(layer))
        if layer.name not in self._done:
            self._done.add(layer.name)
            carried = self._carried_error(layer, call, wanted)
            self.quantize_matrices(layer, call.argument, (float_half, quantized_half), carried)
            found = self.quantize_vectors(layer, wanted, quantized_half, carried)
            if self.job.progress is not None:
                self.job.progress(len(self._done), len(self.job.network.layers), layer.name)
        if found is None:
            found = quantized_half.output(self.values(layer))
        return call.joined(wanted, found)

    def _moved(self, layer: Layer) -> dict[str, np.ndarray]:
        """The variables of a layer that are written differently from the model's."""
        rescaled = self.job.rescaled
        return {v: rescaled.tensors[t] for v, t in layer.tensors.items() if t in rescaled.moved}

    def values(self, layer: Layer) -> dict[str, np.ndarray]:
        """The variables of a layer, quantized where they are already, by their names inside it."""
        named = {v: self.quantized[t] for v, t in layer.tensors.items() if t in self.quantized}
        return {**self._moved(layer), **{v: weight.factors["weight"] for v, weight in named.items()}}

    def _carried_error(self, layer: Layer, call: Call, wanted: Any) -> np.ndarray | None:
        """Float less quantized of what will be added to the layer's output; None where nothing is, or unknown."""
        summand, to_numpy = self._carried.take(layer.name), self.job.network.to_numpy
        if summand is None:
            return None
        float_side, quantized_side = (to_numpy(call.half(summand, side)) for side in (0, 1))
        if float_side.shape != to_numpy(wanted).shape:  # it is broadcast: no error of an output each
            return None
        return np.asarray(float_side - quantized_side)

    def quantize_matrices(
        self, layer: Layer, argument: Any, halves: tuple[Call, Call], carried: np.ndarray | None
    ) -> None:
        """Every variable of the layer that is no vector. `argument` is what the layer is called with."""
        sites = {layer.tensors[site.variable]: site for site in layer.sites}
        for name in layer.tensors.values():
            values = self.job.rescaled.tensors[name]
            if name in sites:
                measure = partial(self._measured, layer, sites[name], name, argument, halves, carried)
                quantize = partial(self._with_feedback, layer, sites[name], name, measure)
                weight = self._stored_or(name, quantize)
            else:
                table = self.rounds_tables and not is_vector(values)
                weight = rounded(name, values, self.steps) if table else None
            if weight is not None:
                self.quantized[name] = weight

    def _stored_or(self, name: str, quantize: Callable[[], FactoredWeight | None]) -> FactoredWeight | None:
        """From the broken-off pass, or quantized now."""
        known = self._store.get(name)
        if known is not None:
            weight, self.noise[name] = known
            return weight
        found = quantize()
        if found is not None:
            self._store.put(name, found, self.noise[name])
        return found

    def _with_feedback(
        self, layer: Layer, site: Site, name: str, measure: Callable[[], _Measured]
    ) -> FactoredWeight | None:
        values, damping = self.job.rescaled.tensors[name], self.job.damping
        code = self.steps.code_of(name, values)
        if code is None:
            return None
        with naming(name):
            measured = measure()
            matrices = measured.aims(list(site.to_matrices(values)), damping.target)
            weight, self.noise[name] = rounded_with_feedback(
                site, matrices, measured.factors, code, values.shape, self.job.rounding
            )
        return weight

    def _measured(
        self, layer: Layer, site: Site, name: str, argument: Any, halves: tuple[Call, Call], carried: np.ndarray | None
    ) -> _Measured:
        """What the layer's input is found to be; what was found last where that is the same (query, key, value)."""
        centred = layer.name in self.job.traced.absorbed
        last = self._last
        if carried is None and last is not None and last.serves(argument, site, centred=centred):
            return last
        moments = self._moments(layer, site, name, halves, self._before_norm(layer, carried))
        inputs = moments.inputs(centred=centred)
        cross = moments.cross(centred=centred) if moments.apart else None
        pulls = moments.carried(centred=centred)
        factors = [factored(damped(h, self.job.damping.feedback)) for h in inputs]
        measured = _Measured(argument, site.columns, centred, inputs, cross, pulls, factors)
        self._last = measured if pulls is None else None
        return measured

    def _before_norm(self, layer: Layer, carried: np.ndarray | None) -> np.ndarray | None:
        """The carried error as the matrix would have to undo it: before the norm that stands behind it."""
        behind = self._norms.get(layer.name)
        if carried is None or behind is None or behind.norm is None:
            return carried
        gains = gain(behind.norm, behind.tensors, self.job.rescaled.tensors)
        strong = np.abs(gains) >= SMALLEST_GAIN * np.median(np.abs(gains))
        factors = np.divide(1.0, gains, out=np.zeros_like(gains), where=strong & (gains != 0)).astype(np.float32)
        return np.asarray(carried * on_axis(factors, carried.ndim, layer.channel_axis))

    def _moments(
        self, layer: Layer, site: Site, name: str, halves: tuple[Call, Call], carried: np.ndarray | None
    ) -> Moments:
        x_float, x = (self.job.network.to_numpy(half.argument) for half in halves)
        require_finite(x_float, name)
        moments, apart = Moments(), not np.array_equal(x_float, x)
        for number, samples in slices(len(x)):
            positions = Positions(number)
            columns = site.columns_of(x[samples], positions)
            float_columns = site.columns_of(x_float[samples], positions) if apart else None
            moments.add(columns, float_columns, self._carried_at(layer, site, carried, samples, columns.shape))
        return moments

    def _carried_at(
        self, layer: Layer, site: Site, carried: np.ndarray | None, samples: slice, shape: tuple[int, ...]
    ) -> np.ndarray | None:
        """The carried errors of a slice, at the positions of its columns; None where a matrix is cut into blocks."""
        if carried is None or shape[0] != site.groups or site.output_axes > 1:
            return None
        return site.outputs_of(carried[samples], Positions(samples.start // SLICE), layer.channel_axis)

    def quantize_vectors(
        self, layer: Layer, wanted: Any, quantized_half: Call, carried: np.ndarray | None
    ) -> Any | None:
        """Round the vectors; the additive one comes last, moved by the mean error of the output before that.

        Returns:
            The quantized half's result where it came of this, else None.
        """
        tensors = self.job.rescaled.tensors
        additive = layer.tensors[layer.additive] if layer.additive is not None else None
        for name in layer.tensors.values():
            if is_vector(tensors[name]) and name != additive and name not in self.job.rescaled.fixed:
                self._round(name, tensors[name])
        if additive is None or additive in self.job.rescaled.fixed:
            return None
        values, result = tensors[additive], quantized_half.output(self.values(layer))
        shift = self.error(layer, wanted, result, carried).mean(axis=0, dtype=np.float64)
        self._round(additive, (values + shift).astype(values.dtype))
        if not layer.linear or additive not in self.quantized:
            return None
        return quantized_half.shifted(result, self.quantized[additive].factors["weight"] - values)

    def _round(self, name: str, values: np.ndarray) -> None:
        weight = rounded(name, values, self.steps)
        if weight is not None:
            self.quantized[name] = weight

    def error(self, layer: Layer, wanted: Any, result: Any, carried: np.ndarray | None) -> np.ndarray:
        """Float output less quantized output, with what is added to each, (samples * positions, channels)."""
        to_numpy = self.job.network.to_numpy
        error = to_numpy(wanted) - to_numpy(result)
        if carried is not None:
            error = error + carried
        moved = np.moveaxis(error, layer.channel_axis, -1)
        return np.asarray(moved.reshape(-1, moved.shape[-1]))
