"""One call that trains a Keras model for a small file: the recipe that docs/notes/epr.md derives and measures.

Adam with warm-up and cosine, steps that learn faster than weights and are held at the end, a penalty that is ramped,
and units that are taken out as they die. Where a target is given, cycles with another weight of the penalty follow:
short ones that go on, or whole ones from the start where the network is to grow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from ..errors import DataError, OptionError, TargetError
from ..factorizations.factory import FactorizationFactory
from ..train.plan import why_not
from ..train.variables import variable_names
from .curve import CompressedFit
from .distillation import taught
from .feed import Feed, accuracy_of
from .options import Recipe, Target
from .run import Evaluate, Progress, Run


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
        DataError: `data` yields nothing, or inputs that `model` does not take; `checkpoint` is none.
        NameMismatchError: `checkpoint` is of another model.
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
    feed.check(model)
    if recipe.refinements:
        feed.whole()  # refuses batches now rather than after the training
    if evaluate is None:
        evaluate = _accuracy_on(validation)
    left = {name: why for name, v in variable_names(model) if v.trainable and (why := why_not(v)) is not None}
    warnings = [f"{name} is trained as it is: {why}" for name, why in left.items()]
    run = Run(
        original=model,
        feed=feed,
        recipe=recipe,
        evaluate=evaluate,
        loss=loss,
        factorizations={**dict.fromkeys(left), **(factorizations or {})},
        widths=dict(start_widths or {}),
        checkpoint=None if checkpoint is None else Path(checkpoint),
        progress=progress,
        jit_compile=jit_compile,
        target=wanted,
    )
    fit = run.finished(run.to_target(), shapes, warnings)
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
