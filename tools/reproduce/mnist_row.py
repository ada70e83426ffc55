"""What the MNIST rows of the table share: data, the runs over seeds, the report, the file.

A row is a network, where to start, and the settings, chosen on the last 5,000 training images (`--validation`). Without
that option the network trains on all 60,000, and the 10,000 test images are looked at once, at the end.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from augmentation import half_augmented, stored_copies

import wcodec
from wcodec.cli.demo.data import load_mnist
from wcodec.train import Recipe, fit_compressed

VALIDATION_IMAGES = 5000


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: of the network.
        network: makes the classic network, in full size.
        widths: units that training starts with.
        plain: settings without augmentation.
        augmented: settings with it.
        published: (who, bytes, test error in per cent) of others.
        factorizations: as `fit_compressed` takes them.
    """

    name: str
    network: Callable[[], keras.Model]
    widths: Mapping[str, int]
    plain: Recipe
    augmented: Recipe
    published: tuple[tuple[str, int, float], ...]
    factorizations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One run: the file, its error in per cent on images that training has not seen, processor seconds."""

    data: bytes
    error: float
    seconds: float


def run(row: Row, options: argparse.Namespace, seed: int) -> Outcome:
    """Train with one seed; the error is that of a network of the classic shape with the decoded weights."""
    keras.utils.set_random_seed(seed)
    digits = load_mnist(options.mnist)
    network = row.network()
    shape = network.input_shape[1:]
    x, y = digits.x_train.reshape(-1, *shape), digits.y_train
    x_test, y_test = digits.x_test.reshape(-1, *shape), digits.y_test
    if options.validation:
        x, x_test = x[:-VALIDATION_IMAGES], x[-VALIDATION_IMAGES:]
        y, y_test = y[:-VALIDATION_IMAGES], y[-VALIDATION_IMAGES:]
    data: Any = (x, y)
    if options.augmentation:
        copies = stored_copies(np.round(digits.x_train[..., 0] * 255).astype(np.uint8), options.copies)
        data = half_augmented(x, y, copies, seed)
    started = time.process_time()
    fit = fit_compressed(
        network,
        data,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        recipe=chosen(row, options),
        start_widths=row.widths,
        factorizations=row.factorizations,
        validation=(x_test, y_test) if options.validation else None,
        checkpoint=options.checkpoint,
        progress=None if options.quiet else tell,
        jit_compile=options.jit,
    )
    seconds = time.process_time() - started
    decoded = row.network()
    wcodec.load_into(decoded, fit.data)
    if options.plot:
        fit.plot(options.plot)
    return Outcome(fit.data, error(decoded, x_test, y_test), seconds)


def chosen(row: Row, options: argparse.Namespace) -> Recipe:
    """The settings of the row with those of the command line in their place."""
    recipe = row.augmented if options.augmentation else row.plain
    given = {name: getattr(options, name) for name in ("epochs", "penalty_weight")}
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def tell(point: Any) -> None:
    """One line an epoch."""
    print(
        f"epoch {point.epoch:4}  loss {point.loss:.4f}  about {point.nbytes:6,} bytes  {point.units:4} units"
        f"  error {100 * (1 - point.accuracy):.2f} %",
        flush=True,
    )


def error(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Per cent of images that a model classifies wrong."""
    return float(100 * np.mean(model.predict(x, batch_size=1000, verbose=0).argmax(axis=1) != y))


def main(row: Row, description: str | None) -> None:
    """The command line of a row."""
    options = parse(description)
    outcomes = []
    for seed in options.seeds:
        outcome = run(row, options, seed)
        outcomes.append(outcome)
        print(f"{row.name}, seed {seed}: {len(outcome.data):,} bytes, {outcome.error:.2f} %, {outcome.seconds:.0f} s")
        if options.save and seed == options.seeds[0]:
            options.save.write_bytes(outcome.data)
    report(row, options, outcomes)


def report(row: Row, options: argparse.Namespace, outcomes: list[Outcome]) -> None:
    """The table: ours with median and spread, and what others have published."""
    sizes, errors = [len(o.data) for o in outcomes], [o.error for o in outcomes]
    images = "held-out training images" if options.validation else "test images"
    print(f"\n{row.name}: whole files, error on {images}, {'with' if options.augmentation else 'without'} augmentation")
    print(
        f"{'wcodec, median':28}{statistics.median(sizes):>8,.0f} bytes {statistics.median(errors):6.2f} %"
        f"   ({min(sizes):,} to {max(sizes):,} bytes, {min(errors):.2f} to {max(errors):.2f} %, {len(outcomes)} seeds)"
    )
    for who, nbytes, published in row.published:
        print(f"{who:28}{nbytes:>8,} bytes {published:6.2f} %")


def parse(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--no-augmentation", dest="augmentation", action="store_false")
    parser.add_argument("--validation", action="store_true", help="hold out training images instead of the test set")
    parser.add_argument("--epochs", type=int, help="instead of the row's own")
    parser.add_argument("--penalty-weight", type=float, help="instead of the row's own")
    parser.add_argument("--mnist", help="mnist.npz, where it is not found by itself")
    parser.add_argument("--copies", type=Path, help="where the augmented copies are kept (.npy)")
    parser.add_argument("--checkpoint", type=Path, help="go on from this file, and write it after every epoch")
    parser.add_argument("--save", type=Path, help="write the .wcz file of the first seed here")
    parser.add_argument("--plot", type=Path, help="draw size and error into this image file")
    parser.add_argument("--jit", action="store_true", help="compile with XLA")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()
