"""What the CIFAR-10 rows share: images, crops and flips, fine-tuning of a trained network, the comparison with it.

The last 1,000 of the 25,000 training images are held out by `--validation`, to choose settings; the 1,000 test images
are looked at once, at the end. Training crops and flips as He et al. (2016) do.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

import wcodec
from wcodec.train import Recipe, fit_compressed
from wcodec.train.compressible import RATES

DATA = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[3] / "shared" / "data"))
VALIDATION_IMAGES = 1000
PADDING = 4
SETTINGS = ("epochs", "penalty_weight", "learning_rate", "batch_size", "alpha", "rate")  # of the command line


@dataclass(frozen=True)
class CifarRow:
    """One row of the table.

    Attributes:
        name: of the network.
        pretrained: makes it with its trained weights, from a data directory.
        prepare: uint8 (count, 32, 32, 3) -> what the network takes.
        recipe: of the fine-tuning.
        from_logits: whether the network ends without softmax.
        published: (who, bytes) of others.
    """

    name: str
    pretrained: Callable[[Path], keras.Model]
    prepare: Callable[[np.ndarray], np.ndarray]
    recipe: Recipe
    from_logits: bool
    published: tuple[tuple[str, int], ...]


def load_cifar(data: Path, limit: int | None) -> tuple[np.ndarray, ...]:
    """x_train, y_train, x_test, y_test of `cifar10_25k.npz`: uint8 images and int labels."""
    with np.load(data / "cifar10_25k.npz", allow_pickle=False) as arrays:
        x, y = arrays["x_train"][:limit], arrays["y_train"].ravel()[:limit].astype(np.int64)
        return x, y, arrays["x_test"], arrays["y_test"].ravel().astype(np.int64)


def cropped(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image shifted by up to 4 pixels over black and flipped by a coin."""
    count, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0)))
    top, left = rng.integers(0, 2 * PADDING + 1, (2, count))
    rows = top[:, None] + np.arange(height)
    columns = left[:, None] + np.arange(width)
    columns = np.where(rng.random(count)[:, None] < 0.5, columns[:, ::-1], columns)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def epochs_of(row: CifarRow, x: np.ndarray, y: np.ndarray, seed: int) -> Callable[[int], Any]:
    """Epoch -> crops of all images, and their labels."""

    def epoch(number: int) -> tuple[np.ndarray, np.ndarray]:
        return row.prepare(cropped(x, np.random.default_rng([seed, number]))), y

    return epoch


def probabilities(row: CifarRow, model: keras.Model, x: np.ndarray) -> np.ndarray:
    outputs = np.asarray(model.predict(x, batch_size=250, verbose=0), np.float64)
    raised = np.exp(outputs - outputs.max(axis=1, keepdims=True)) if row.from_logits else outputs
    return np.clip(raised / raised.sum(axis=1, keepdims=True), 1e-7, 1)


def main(row: CifarRow, description: str | None) -> None:
    """The command line of a row: fine-tune, encode, decode, compare with the float network."""
    options = parse(description)
    keras.utils.set_random_seed(options.seed)
    x, y, x_test, y_test = load_cifar(options.data, options.images)
    if options.validation:
        x, x_test = x[:-VALIDATION_IMAGES], x[-VALIDATION_IMAGES:]
        y, y_test = y[:-VALIDATION_IMAGES], y[-VALIDATION_IMAGES:]
    x_test = row.prepare(x_test)
    network = row.pretrained(options.data)
    reference = probabilities(row, network, x_test)
    given = {name: getattr(options, name) for name in SETTINGS}
    started = time.process_time()
    fit = fit_compressed(
        network,
        epochs_of(row, x, y, options.seed),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=row.from_logits),
        teacher=row.pretrained(options.data),
        recipe=replace(row.recipe, **{name: value for name, value in given.items() if value is not None}),
        validation=(x_test, y_test) if options.validation else None,
        checkpoint=options.checkpoint,
        progress=lambda point: print(point, flush=True),
        jit_compile=False,
    )
    seconds = time.process_time() - started
    decoded = row.pretrained(options.data)
    wcodec.load_into(decoded, fit.data)
    found = probabilities(row, decoded, x_test)
    right = [np.mean(p.argmax(axis=1) == y_test) for p in (reference, found)]
    agreed = found.argmax(axis=1) == reference.argmax(axis=1)
    divergence = np.sum(reference * np.log(reference / found), axis=1)
    print(
        f"\n{row.name}, {len(x_test):,} images, {'held out of training' if options.validation else 'of the test set'}"
    )
    print(f"float32     {decoded.count_params() * 4:>9,} bytes  {100 * right[0]:6.2f} %")
    print(
        f"wcodec      {fit.nbytes:>9,} bytes  {100 * right[1]:6.2f} %"
        f"  agrees with float32 on {100 * np.mean(agreed):.2f} %, KL {divergence.mean():.4f}  ({seconds:.0f} s)"
    )
    for who, nbytes in row.published:
        print(f"{who}  {nbytes:,} bytes")
    if options.save:
        options.save.write_bytes(fit.data)


def parse(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validation", action="store_true", help="hold out training images instead of the test set")
    parser.add_argument("--epochs", type=int, help="instead of the row's own")
    parser.add_argument("--penalty-weight", type=float, help="instead of the row's own")
    parser.add_argument("--learning-rate", type=float, help="instead of the row's own")
    parser.add_argument("--batch-size", type=int, help="instead of the row's own")
    parser.add_argument("--alpha", type=float, help="of the power law, instead of the row's own")
    parser.add_argument("--rate", choices=RATES, help="instead of the row's own")
    parser.add_argument("--images", type=int, help="train on the first so many only")
    parser.add_argument("--data", type=Path, default=DATA, help="directory with cifar10_25k.npz and the models")
    parser.add_argument("--checkpoint", type=Path, help="go on from this file, and write it after every epoch")
    parser.add_argument("--save", type=Path, help="write the .wcz file here")
    return parser.parse_args()
