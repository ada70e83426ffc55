"""One call that trains a Keras model for a small file: the recipe that docs/notes/epr.md derives and measures.

Adam with warm-up and cosine, steps that learn faster than weights and are held at the end, a penalty that is ramped,
and units that are taken out as they die. Where a target is given, shorter cycles with another weight of the penalty
follow until the file or the accuracy is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..encoding.encoder import encode
from ..errors import DataError, DivergedError, NameMismatchError, NonFiniteError, OptionError, TargetError
from ..train.compressible import CompressibleModel, compressible
from ..train.narrowing import live_units, narrowed, rebuilt, removable_groups
from ..train.pace import Pace, WarmUpCosine
from ..train.packing import by_density, packed
from ..train.plan import FactorizationFactory, why_not
from ..train.units import resized, unit_groups
from ..train.variables import variable_names
from . import checkpoint as checkpoints
from .checkpoint import Progressed
from .curve import CompressedFit, CurvePoint
from .distillation import taught
from .feed import Feed, accuracy_of
from .options import Recipe, Target
from .refine import refine

Progress = Callable[[CurvePoint], None]
Evaluate = Callable[[keras.Model], float]

# Taking units out costs a compilation: it has to save this share of the weights.
WORTH_REBUILDING = 0.15
# How far the penalty weight may move between cycles: before the target has been met, and after.
SEARCHING, SETTLED = (0.4, 5.0), (0.8, 1.25)


def fit_compressed(
    model: keras.Model,
    data: Any,
    *,
    target: Target | int | float | None = None,
    validation: tuple[Any, Any] | None = None,
    evaluate: Evaluate | None = None,
    loss: Any = "sparse_categorical_crossentropy",
    teacher: keras.Model | None = None,
    recipe: Recipe | None = None,
    start_widths: Mapping[str, int] | None = None,
    factorizations: Mapping[str, FactorizationFactory | None] | None = None,
    shapes: str = "original",
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    jit_compile: bool | str = "auto",
) -> CompressedFit:
    """Train a built Keras model so that its `.wcz` file is small.

    Args:
        model: Sequential or Functional for hidden units to be removed; any other built model is trained as it is.
            With `start_widths` its weights are initialized anew, otherwise training starts from them.
        data: (x, y) arrays; a function from the epoch (0, 1, ...) to (x, y), for augmentation; or a dataset of
            batches that has a length.
        target: bytes of the file (an int) or accuracy on the validation data (a float below 1). None: one run with
            the recipe's penalty weight.
        validation: (x, y) to measure the accuracy on, after every epoch.
        evaluate: measures the accuracy of a model in another way than by its largest output.
        loss: as keras.Model.compile takes it; the default expects probabilities.
        teacher: a trained model whose probabilities take the place of the labels, or join them
            (`Recipe.teacher_share`): the network in float, where there is one.
        recipe: hyperparameters.
        start_widths: layer name -> units to start from. A narrow start trains in a fraction of the time, and the
            file still holds the full shapes.
        factorizations: as `compressible` takes them.
        shapes: "original" for a file with the tensors of `model`, zeros where units were removed, their order changed;
            "smaller" for the equivalent network that is left.
        checkpoint: file to write after every epoch; if it exists, training goes on from it.
        progress: called with the point of the curve after every epoch.
        jit_compile: as keras.Model.compile takes it.

    Raises:
        TargetError: the target was not reached; its `closest` has what was.
        DivergedError: the loss is no longer finite.
        DataError: `data` yields nothing.
        OptionError, UnsupportedTypeError: as `compressible`.
    """
    if shapes not in ("original", "smaller"):
        raise OptionError(f"shapes is 'original' or 'smaller', not {shapes!r}")
    wanted = None if target is None else Target.of(target)
    if wanted is not None and wanted.accuracy is not None and validation is None and evaluate is None:
        raise OptionError("a target in accuracy needs validation data")
    recipe = recipe or Recipe()
    if teacher is not None:
        data, loss = taught(data, loss, teacher, recipe.teacher_share)
    feed = Feed(data, recipe.batch_size)
    if recipe.refinements:
        feed.whole()  # refuses batches now rather than after the training
    if evaluate is None:
        evaluate = _accuracy_on(validation)
    left = {name: why for name, v in variable_names(model) if v.trainable and (why := why_not(v)) is not None}
    warnings = [f"{name} is trained as it is: {why}" for name, why in left.items()]
    plans = {**dict.fromkeys(left), **(factorizations or {})}
    run = _Run(model, feed, recipe, evaluate, loss, plans, dict(start_widths or {}), checkpoint, progress, jit_compile)
    best = run.to_target(wanted)
    fit = run.finished(best, shapes, warnings)
    if wanted is not None and not wanted.met(fit.nbytes, fit.accuracy):
        reached = f"{fit.nbytes:,} bytes at an accuracy of {fit.accuracy:.4f}"
        raise TargetError(f"the target {target!r} was not reached; closest: {reached}", closest=fit)
    return fit


def _accuracy_on(validation: tuple[Any, Any] | None) -> Evaluate:
    if validation is None:
        return lambda _: math.nan
    x, y = validation
    if len(x) != len(y) or not len(x):
        raise DataError("validation data is a pair (x, y) of as many inputs as labels, at least one")
    return lambda model: accuracy_of(model, x, y)


@dataclass
class _Best:
    """The best end of a cycle so far."""

    model: CompressibleModel
    penalty_weight: float
    nbytes: int
    accuracy: float


class _Run:
    """One call of `fit_compressed`: cycles of epochs."""

    def __init__(
        self,
        original: keras.Model,
        feed: Feed,
        recipe: Recipe,
        evaluate: Evaluate,
        loss: Any,
        factorizations: Mapping[str, FactorizationFactory | None],
        widths: dict[str, int],
        checkpoint: str | Path | None,
        progress: Progress | None,
        jit_compile: bool | str,
    ) -> None:
        self.original = original
        self.feed = feed
        self.recipe = recipe
        self.evaluate = evaluate
        self.loss = loss
        self.factorizations = factorizations
        self.checkpoint = Path(checkpoint) if checkpoint is not None else None
        self.progress = progress
        self.jit_compile = jit_compile
        self.done = Progressed(penalty_weight=recipe.penalty_weight, widths=widths)
        resumed = self.checkpoint if self.checkpoint is not None and self.checkpoint.exists() else None
        if resumed is not None:
            self.done = checkpoints.peek(resumed)
            if not set(self.done.widths) <= {group.producer for group in unit_groups(original)}:
                raise NameMismatchError(f"{resumed} is a checkpoint of another model")
        self.model = self._start()
        if resumed is not None:
            checkpoints.load(resumed, self.model)

    def to_target(self, target: Target | None) -> _Best:
        """Run all cycles; the best end of one."""
        self._cycle()
        ends = [self._end()]
        while target is not None and self.done.cycle < self.recipe.cycles and not _close(target, ends[-1]):
            factor = _factor(target, ends)
            self.done = replace(
                self.done, cycle=self.done.cycle + 1, epoch=0, penalty_weight=self.done.penalty_weight * factor
            )
            self.model = self._compiled(rebuilt(self.model, self._pace(), self.done.penalty_weight))
            self._cycle()
            ends.append(self._end())
        return min(ends, key=lambda end: _rank(target, end)) if target is not None else ends[-1]

    def finished(self, best: _Best, shapes: str, warnings: list[str]) -> CompressedFit:
        """The result of a cycle's end in the shapes asked for."""
        model = packed(best.model, self.original) if shapes == "original" else best.model
        report = encode(model)
        return CompressedFit(model, report.data or b"", best.accuracy, self.done.curve, warnings)

    def _start(self) -> CompressibleModel:
        inner = (
            resized(self.original, self.done.widths) if self.done.widths else keras.models.clone_model(self.original)
        )
        if not self.done.widths:
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
        return self.recipe.cycle_epochs if self.done.cycle else self.recipe.epochs

    def _pace(self) -> Pace:
        ramp = 0.0 if self.done.cycle else self.recipe.ramp
        return Pace(self._epochs * self.feed.batches, ramp, self.recipe.hold_steps)

    def _compiled(self, model: CompressibleModel) -> CompressibleModel:
        peak = self.recipe.learning_rate * (0.5 if self.done.cycle else 1.0)
        schedule = WarmUpCosine(peak, self._epochs * self.feed.batches, self.recipe.warm_up)
        steps = self.feed.batches if keras.backend.backend() == "tensorflow" else 1
        model.compile(
            keras.optimizers.Adam(schedule), self.loss, jit_compile=self.jit_compile, steps_per_execution=steps
        )
        model.optimizer.build(model.trainable_variables)
        return model

    def _cycle(self) -> None:
        while self.done.epoch < self._epochs:
            started = len(self.done.curve)
            loss = self._epoch(started)
            self.done.epoch += 1
            if self.done.epoch == int(self.recipe.hold_steps * self._epochs):
                self.model.snap_steps()
            if self.recipe.remove_units and self.done.epoch < self._epochs:
                self._remove_units()
            self._record(loss)

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
        if self.done.cycle == 0 and self.done.epoch <= self.recipe.warm_up * self._epochs + 1:
            return
        live = live_units(self.model)
        widths = {producer: len(units) for producer, units in live.items()}
        now = self.model.inner.count_params()
        if any(len(live[g.producer]) < g.units for g in removable_groups(self.model)):
            then = resized(self.model.inner, widths).count_params()
            if then <= (1 - WORTH_REBUILDING) * now:
                self.model = narrowed(self.model, live)

    def _record(self, loss: float) -> None:
        groups = removable_groups(self.model)
        self.done.widths = {group.producer: group.units for group in groups}
        point = CurvePoint(
            len(self.done.curve) + 1, loss, self.model.cost(),
            encode(self.model, coder="mixing").nbytes, self.evaluate(self.model),
            sum(group.units for group in groups), self.done.cycle,
        )  # fmt: skip
        self.done.curve.append(point)
        if self.checkpoint is not None:
            checkpoints.save(self.checkpoint, self.model, self.done)
        if self.progress is not None:
            self.progress(point)

    def _end(self) -> _Best:
        """What the cycle came to: dead units out, statistics settled, measured on the file that would be written."""
        model = narrowed(self.model, live_units(self.model, threshold=0.5) if self.recipe.remove_units else {})
        if self.recipe.remove_units:
            model = by_density(model)
        model.settle_statistics(self.feed.inputs(self.recipe.statistics_batches))
        if self.recipe.refinements:
            refine(model, *self.feed.whole(), self.loss, evaluations=self.recipe.refinements)
        data = encode(packed(model, _clone(self.original))).data or b""
        return _Best(model, self.done.penalty_weight, len(data), self.evaluate(model))


def _clone(model: keras.Model) -> keras.Model:
    return keras.models.clone_model(model)


def _close(target: Target, end: _Best) -> bool:
    """Met, with at most 3 % of the size or the error to spare."""
    return target.met(end.nbytes, end.accuracy) and target.slack(end.nbytes, end.accuracy) < 1.03


def _factor(target: Target, ends: list[_Best]) -> float:
    """Of the next penalty weight, so that the slack becomes 1 if it goes with the weight as it has gone.

    Bytes go about with the inverse square root of the weight after a long run, errors less; a short cycle follows the
    weight by less than that, as the last two have shown.
    """
    slack = target.slack(ends[-1].nbytes, ends[-1].accuracy)
    power = 1.5
    if target.nbytes is not None:
        power = -1 / _exponent(ends[-2], ends[-1]) if len(ends) > 1 else -2.0
    settled = any(target.met(end.nbytes, end.accuracy) for end in ends)
    return float(np.clip(slack**power, *(SETTLED if settled else SEARCHING)))


def _exponent(before: _Best, after: _Best) -> float:
    """By which power of the penalty weight the file shrank from one cycle to the next, 1/8 to 1/2."""
    rise = math.log(after.penalty_weight / before.penalty_weight)
    shrunk = math.log(before.nbytes / after.nbytes)
    return float(np.clip(shrunk / rise, 0.125, 0.5)) if rise > 0 else 0.5


def _rank(target: Target, end: _Best) -> tuple[bool, float]:
    """Smaller is better: ends that meet the target first; among them by the other measure, else by what is missing."""
    met = target.met(end.nbytes, end.accuracy)
    if not met:
        return True, -target.slack(end.nbytes, end.accuracy)
    return False, (-end.accuracy if target.nbytes is not None else float(end.nbytes))
