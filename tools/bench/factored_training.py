"""The compression operator, pruning, and both under EPR, on MNIST: accuracy and bytes of whole files.

    python tools/bench/factored_training.py                               # LeNet-300-100, every row
    python tools/bench/factored_training.py --net lenet5 dense low_rank
    python tools/bench/factored_training.py --validation                  # 5,000 training images judge

Every row starts from the same initial weights and trains for the same number of epochs. The operator takes over after
a fifth of them (`--begin`): alpha steps down during the next fifth, and the factors train on alone. An EPR row trains
that model's factors as latents for the same number of epochs again ("epr" the dense net). Accuracy is that of the
decoded file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import wcodec
from wcodec.cli.demo.data import load_mnist
from wcodec.factorizations import Dictionary, KMeans, LowRank, SimHash, TensorTrain
from wcodec.train import AlphaSchedule, CompressionOperator, PolynomialDecay, compressible, prune_low_magnitude

BATCH = 128
VALIDATION_IMAGES = 5000
layers = keras.layers


def lenet300() -> keras.Model:
    return keras.Sequential(
        name="lenet300",
        layers=[
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(300, "relu", name="fc1"),
            layers.Dense(100, "relu", name="fc2"),
            layers.Dense(10, name="fc3"),
        ],
    )


def lenet5() -> keras.Model:
    """LeNet-5 as in Caffe: 431,080 weights, 400,500 of them in fc1."""
    return keras.Sequential(
        name="lenet5",
        layers=[
            keras.Input((28, 28, 1)),
            layers.Conv2D(20, 5, name="conv1"),
            layers.MaxPooling2D(),
            layers.Conv2D(50, 5, name="conv2"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(500, "relu", name="fc1"),
            layers.Dense(10, name="fc2"),
        ],
    )


# net -> (model, weights under the operator)
NETS: dict[str, tuple[Callable[[], keras.Model], tuple[str, ...]]] = {
    "lenet300": (lenet300, ("fc1/kernel", "fc2/kernel")),
    "lenet5": (lenet5, ("conv2/kernel", "fc1/kernel")),
}


def matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    return int(np.prod(shape[:-1])), shape[-1]


def eighth_rank(shape: tuple[int, ...]) -> LowRank:
    return LowRank(shape, min(matrix(shape)) // 8)


def small_dictionary(shape: tuple[int, ...]) -> Dictionary:
    return Dictionary(shape, atoms=min(matrix(shape)) // 4, nonzeros=8)


FACTORIZATIONS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "low_rank": eighth_rank,
    "dictionary": small_dictionary,
    "kmeans": lambda shape: KMeans(shape, 8),
    "kmeans16": lambda shape: KMeans(shape, 16),
    "tensor_train": lambda shape: TensorTrain.with_rank(shape, 16),
    "simhash": lambda shape: SimHash(shape, 2 * min(matrix(shape))),
}
ROWS = ("dense", *FACTORIZATIONS, "pruning")
EPR_ROWS = ("epr", *(f"epr {name}" for name in ("low_rank", "dictionary", "kmeans", "tensor_train", "pruning")))


class Bench:
    """Data and options of one run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        digits = load_mnist(options.mnist)
        x, y = digits.x_train, digits.y_train
        if options.validation:
            self.train = x[:-VALIDATION_IMAGES], y[:-VALIDATION_IMAGES]
            self.test = x[-VALIDATION_IMAGES:], y[-VALIDATION_IMAGES:]
        else:
            self.train, self.test = (x, y), (digits.x_test, digits.y_test)
        self.make, self.targets = NETS[options.net]
        self.steps = -(-len(self.train[0]) // BATCH)  # an epoch

    def fit(self, model: keras.Model, epochs: int | None = None, rate: float = 1e-3) -> keras.Model:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss)
        model.fit(*self.train, batch_size=BATCH, epochs=epochs or self.options.epochs, verbose=0)
        return model

    def fresh(self) -> keras.Model:
        keras.utils.set_random_seed(self.options.seed)
        return self.make()

    def trained(self, method: str) -> keras.Model:
        """A model that was trained by one method, from the same start."""
        model, fifth = self.fresh(), self.steps * self.options.epochs // 5
        if method == "dense":
            return self.fit(model)
        if method == "pruning":
            schedule = PolynomialDecay(0.0, self.options.sparsity, fifth, 3 * fifth, frequency=100)
            return self.fit(prune_low_magnitude(model, dict.fromkeys(self.targets, schedule)))
        begin = round(self.options.begin * self.steps * self.options.epochs)
        alpha = AlphaSchedule(begin, frequency=max(1, fifth // 20), decrement=0.05)
        return self.fit(CompressionOperator(model, dict.fromkeys(self.targets, FACTORIZATIONS[method]), alpha))

    def accuracy(self, data: bytes) -> float:
        model = self.make()
        wcodec.load_into(model, data)
        x, y = self.test
        return float(np.mean(model.predict(x, batch_size=1000, verbose=0).argmax(axis=1) == y))

    def row(self, name: str, model: keras.Model, started: float) -> dict[str, Any]:
        report = wcodec.encode(model)
        return {
            "net": self.options.net,
            "row": name,
            "bytes": report.nbytes,
            "ratio": round(report.ratio, 1),
            "accuracy": round(100 * self.accuracy(report.data), 2),
            "cpu_s": round(time.process_time() - started),
        }

    def rows(self, names: list[str]) -> list[dict[str, Any]]:
        """The rows asked for; an EPR row comes after the row that it goes on from."""
        found = []
        for method in ROWS:
            epr = "epr" if method == "dense" else f"epr {method}"
            if not {method, epr} & set(names):
                continue
            started = time.process_time()
            model = self.trained(method)
            if method in names:
                found.append(told(self.row(method, model, started)))
            if epr in names:
                for weight in self.options.penalty_weight:
                    started = time.process_time()
                    # The last lambda's model is not gone on from: each starts at the operator's factors.
                    start = model if weight == self.options.penalty_weight[-1] else self.trained(method)
                    wrapped = compressible(start, weight, initial_log_step=self.options.initial_log_step)
                    found.append(told({**self.row(epr, self.fit(wrapped), started), "lambda": weight}))
        return found


def told(row: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join((*ROWS, *EPR_ROWS))}; all unless given")
    parser.add_argument("--net", choices=NETS, default="lenet300")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--begin", type=float, default=0.2, help="share of the training before weights are factored")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--penalty-weight", type=float, nargs="*", default=[2.0])
    parser.add_argument("--initial-log-step", type=float, default=-3.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--mnist", help="mnist.npz, where it is not found by itself")
    options = parser.parse_args()
    unknown = set(options.rows) - {*ROWS, *EPR_ROWS}
    if unknown:
        parser.error(f"no row {sorted(unknown)[0]!r}")
    rows = Bench(options).rows(options.rows or [*ROWS, *EPR_ROWS])
    print("\n| net | row | bytes | ratio | accuracy % |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['net']} | {row['row']} | {row['bytes']:,} | {row['ratio']} | {row['accuracy']:.2f} |")


if __name__ == "__main__":
    main()
