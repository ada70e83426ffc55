"""One run of the recipe: cycles of epochs, a checkpoint after each, units taken out as they die."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras

from ..encoding.encoder import encode
from ..errors import DivergedError, NameMismatchError, NonFiniteError
from ..factorizations.factory import FactorizationFactory
from ..train.compressible import CompressibleModel, compressible
from ..train.narrowing import live_units, narrowed, rebuilt, removable_groups
from ..train.pace import Pace, WarmUpCosine
from ..train.packing import by_density, packed
from ..train.units import resized, unit_groups
from . import checkpoint as checkpoints
from .checkpoint import Progressed
from .curve import CompressedFit, CurvePoint
from .feed import Feed
from .options import Recipe, Target
from .refine import refine
from .search import GROWTH, MOST_ANEW, End, close, next_factor, rank

Progress = Callable[[CurvePoint], None]
Evaluate = Callable[[keras.Model], float]

# Taking units out costs a compilation: it has to save this share of the weights.
WORTH_REBUILDING = 0.15


@dataclass
class Run:
    """One call of `fit_compressed`, whose arguments the fields are.

    Attributes:
        widths: units of each group to start with; empty for those of the model.
        done: how far the run is.
        model: the one that trains now; another after each narrowing and in each cycle.
        best: the model of the best end so far.
    """

    original: keras.Model
    feed: Feed
    recipe: Recipe
    evaluate: Evaluate
    loss: Any
    factorizations: Mapping[str, FactorizationFactory | None]
    widths: dict[str, int]
    checkpoint: Path | None
    progress: Progress | None
    jit_compile: bool | str
    target: Target | None
    done: Progressed = field(init=False)
    model: CompressibleModel = field(init=False)
    best: CompressibleModel | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.done = Progressed(penalty_weight=self.recipe.penalty_weight, widths=self.widths)
        resumed = self.checkpoint if self.checkpoint is not None and self.checkpoint.exists() else None
        if resumed is not None:
            self.done = checkpoints.peek(resumed)
            if not set(self.done.widths) <= {group.producer for group in unit_groups(self.original)}:
                raise NameMismatchError(f"{resumed} is a checkpoint of another model")
        self.model = self._start(self.done.widths)
        if resumed is not None:
            checkpoints.load(resumed, self.model)
        if resumed is not None and self.done.ends:
            end = self.done.ends[self.done.best]
            self.best = self._start(end.widths)
            checkpoints.load_best(resumed, self.best)
            self.best.options["statistic_codes"] = end.statistic_codes

    def to_target(self) -> CompressibleModel:
        """Run all cycles; the model of the best end."""
        best = self._cycle()
        while self.target is not None and self.done.cycle < self.recipe.cycles:
            if close(self.target, self.done.ends[-1]):
                break
            self._next_cycle(next_factor(self.target, self.done.ends))
            best = self._cycle()
        return best

    def _next_cycle(self, factor: float) -> None:
        """Go on with another weight of the penalty; from the start where the network is to grow."""
        anew = factor < GROWTH and self.done.anew < MOST_ANEW
        self.done = replace(
            self.done,
            cycle=self.done.cycle + 1,
            epoch=0,
            penalty_weight=self.done.penalty_weight * factor,
            whole=anew,
            anew=self.done.anew + anew,
        )
        if anew:
            self.done.widths = self.widths
            self.model = self._start(self.widths)
        else:
            self.model = self._compiled(rebuilt(self.model, self._pace(), self.done.penalty_weight))

    def finished(self, best: CompressibleModel, shapes: str, warnings: list[str]) -> CompressedFit:
        """The best end in the shapes asked for."""
        model = packed(best, self.original) if shapes == "original" else best
        accuracy = self.done.ends[self.done.best].accuracy
        return CompressedFit(model, encode(model).data or b"", accuracy, self.done.curve, warnings)

    def _start(self, widths: Mapping[str, int]) -> CompressibleModel:
        inner = resized(self.original, widths) if widths else _clone(self.original)
        if not widths:
            inner.set_weights(self.original.get_weights())
        recipe = self.recipe
        return self._compiled(
            compressible(
                inner,
                self.done.penalty_weight,
                alpha=recipe.alpha,
                initial_log_step=recipe.initial_log_step,
                step_rate=recipe.step_rate,
                one_step=recipe.one_step,
                rate=recipe.rate,
                factorizations=self.factorizations,
                pace=self._pace(),
                weight_count=sum(math.prod(v.shape) for v in self.original.trainable_variables),
            )
        )

    @property
    def _epochs(self) -> int:
        return self.recipe.epochs if self.done.whole else self.recipe.cycle_epochs

    def _pace(self) -> Pace:
        ramp = self.recipe.ramp if self.done.whole else 0.0
        return Pace(self._epochs * self.feed.batches, ramp, self.recipe.hold_steps)

    def _compiled(self, model: CompressibleModel) -> CompressibleModel:
        peak = self.recipe.learning_rate * (1.0 if self.done.whole else 0.5)
        schedule = WarmUpCosine(peak, self._epochs * self.feed.batches, self.recipe.warm_up)
        steps = self.feed.batches if keras.backend.backend() == "tensorflow" else 1
        model.compile(
            keras.optimizers.Adam(schedule), self.loss, jit_compile=self.jit_compile, steps_per_execution=steps
        )
        model.optimizer.build(model.trainable_variables)
        return model

    def _cycle(self) -> CompressibleModel:
        """Run what is left of a cycle; the model of the best end so far."""
        while self.done.epoch < self._epochs:
            started = len(self.done.curve)
            loss = self._epoch(started)
            self.done.epoch += 1
            if self.done.epoch == int(self.recipe.hold_steps * self._epochs):
                self.model.snap_steps()
            if self.recipe.remove_units and self.done.epoch < self._epochs:
                self._remove_units()
            self._record(loss)
        end, model = self._end()
        self.done.ends.append(end)
        best = self.done.ends[self.done.best]
        if self.best is None or self.target is None or rank(self.target, end) < rank(self.target, best):
            self.done.best, self.best = self.done.cycle, model
        return self.best

    def _epoch(self, number: int) -> float:
        """The loss of one more epoch."""
        try:
            logs = self.model.fit(**self.feed.epoch(number), epochs=1, verbose=0, shuffle=True).history
        except NonFiniteError:  # of a weight, noticed before the loss is told
            logs = {"loss": [math.nan]}
        loss = float(logs["loss"][-1])
        if not math.isfinite(loss):
            raise DivergedError(f"the loss of epoch {number + 1} is {loss}: lower the learning rate")
        return loss

    def _remove_units(self) -> None:
        if self.done.whole and self.done.epoch <= self.recipe.warm_up * self._epochs + 1:
            return
        live = live_units(self.model)
        widths = {producer: len(units) for producer, units in live.items()}
        now = self.model.inner.count_params()
        if any(len(live[g.producer]) < g.units for g in removable_groups(self.model)):
            then = resized(self.model.inner, widths).count_params()
            if then <= (1 - WORTH_REBUILDING) * now:
                self.model = narrowed(self.model, live)

    def _record(self, loss: float) -> None:
        self.done.widths = _widths(self.model)
        point = CurvePoint(
            len(self.done.curve) + 1, loss, self.model.cost(),
            encode(self.model, coder="mixing").nbytes, self.evaluate(self.model),
            sum(self.done.widths.values()), self.done.cycle,
        )  # fmt: skip
        self.done.curve.append(point)
        if self.checkpoint is not None:
            checkpoints.save(self.checkpoint, self.model, self.done, self.best)
        if self.progress is not None:
            self.progress(point)

    def _end(self) -> tuple[End, CompressibleModel]:
        """What the cycle came to: dead units out, statistics settled, measured on the file that would be written."""
        model = narrowed(self.model, live_units(self.model, threshold=0.5) if self.recipe.remove_units else {})
        if self.recipe.remove_units:
            model = by_density(model)
        model.settle_statistics(self.feed.inputs(self.recipe.statistics_batches))
        if self.recipe.refinements:
            refine(model, *self.feed.whole(), self.loss, evaluations=self.recipe.refinements)
        data = encode(packed(model, _clone(self.original))).data or b""
        codes = model.options["statistic_codes"]
        return End(self.done.penalty_weight, len(data), self.evaluate(model), _widths(model), codes), model


def _widths(model: CompressibleModel) -> dict[str, int]:
    return {group.producer: group.units for group in removable_groups(model)}


def _clone(model: keras.Model) -> keras.Model:
    return keras.models.clone_model(model)
