"""The MNIST classifier of TensorFlow Compression's tutorial ("Scalable model compression"), trained for a small file.

    python tools/reproduce/tutorial.py                  # train on 60,000 images, test on 10,000
    python tools/reproduce/tutorial.py --validation     # train on 55,000, judge on the other 5,000: to choose settings
    python tools/reproduce/tutorial.py --ema 0          # without the moving average of what is trained

Network, data and recipe are the tutorial's: conv 20@5x5/2, conv 50@5x5/2, fc 500, fc 10, leaky ReLU after each,
1,256,080 parameters; lambda 2 over their number, Adam 1e-3, batch 128, 5 epochs. Ours are the steps' start and pace
(the tutorial's: `--initial-log-step -4 --step-rate 1`) and Adam's own moving average of the variables (`--ema`), chosen
by `--validation`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import keras
import numpy as np

import wcodec
from wcodec.cli.demo.data import load_mnist
from wcodec.train import CompressibleModel, compressible, variable_names

BATCH = 128
LEARNING_RATE = 1e-3
VALIDATION_IMAGES = 5000
# TensorFlow Compression 2.14.1 on the same network and data, measured: strings and float16 steps; the saved model.
REFERENCE = ("TensorFlow Compression 2.14.1", 18_727, 62_164, 0.9863)


def classifier() -> keras.Model:
    """The tutorial's network on (28, 28, 1) images in 0..1; leaky ReLU on the logits too, as there."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(20, 5, strides=2, padding="same", name="conv_1"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(50, 5, strides=2, padding="same", name="conv_2"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dense(500, name="fc_1"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dense(10, name="fc_2"),
            layers.LeakyReLU(negative_slope=0.2),
        ],
        name="classifier",
    )


def train(x: np.ndarray, y: np.ndarray, options: argparse.Namespace) -> tuple[CompressibleModel, float]:
    """The trained compressible classifier and the seconds that `fit` took."""
    keras.utils.set_random_seed(options.seed)
    model = compressible(
        classifier(),
        options.penalty_weight,
        alpha=options.alpha,
        initial_log_step=options.initial_log_step,
        step_rate=options.step_rate,
    )
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE, use_ema=options.ema > 0, ema_momentum=options.ema or None),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    started = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, epochs=options.epochs, verbose=2)
    return model, time.perf_counter() - started


def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Fraction of images that a model classifies right."""
    return float(np.mean(model.predict(x, batch_size=1000, verbose=0).argmax(axis=1) == y))


def decoded_model(data: bytes) -> keras.Model:
    """A new classifier with the weights of a file."""
    model = classifier()
    wcodec.load_into(model, data)
    return model


def identical(model: keras.Model, other: keras.Model) -> bool:
    """Whether two models of one architecture have bit-identical weights."""
    pairs = zip(variable_names(model), variable_names(other), strict=True)
    return all(v.numpy().tobytes() == w.numpy().tobytes() for (_, v), (_, w) in pairs)


def agreement(model: CompressibleModel, x: np.ndarray) -> int:
    """On how many images the numpy runtime, from a file with the layer graph, predicts what the Keras model does."""
    with wcodec.runtime.Runner(wcodec.encode(model, graph=True).data) as runner:
        predicted = np.concatenate([runner.predict(x[i : i + 1000]) for i in range(0, len(x), 1000)])
    expected = model.finalize().predict(x, batch_size=1000, verbose=0)
    return int(np.sum(predicted.argmax(axis=1) == expected.argmax(axis=1)))


def report(model: CompressibleModel, x: np.ndarray, y: np.ndarray, seconds: float) -> wcodec.EncodeReport:
    """Encode, decode, compare, and print the table; the default file's report."""
    started = time.perf_counter()
    small = wcodec.encode(model)
    encoding = time.perf_counter() - started
    gamma = wcodec.encode(model, coder="elias_gamma")
    started = time.perf_counter()
    decoded = decoded_model(small.data)
    decoding = time.perf_counter() - started
    final = model.finalize()
    name, strings, saved, reference_accuracy = REFERENCE
    print(f"\n{'':34}{'payload':>10}{'file':>10}{'accuracy':>10}")
    print(f"{name:34}{strings:10,}{saved:10,}{reference_accuracy:10.2%}")
    print(f"{'wcodec, elias_gamma':34}{gamma.payload_nbytes:10,}{gamma.nbytes:10,}{accuracy(final, x, y):10.2%}")
    print(f"{'wcodec':34}{small.payload_nbytes:10,}{small.nbytes:10,}{accuracy(decoded, x, y):10.2%}")
    print(f"\n{small.ratio:.0f} times smaller than float32; {len(x):,} images")
    print(f"decoded weights bit-identical to finalize(): {identical(final, decoded)}")
    print(f"numpy runtime agrees on {agreement(model, x):,} of {len(x):,} predictions")
    print(f"seconds: fit {seconds:.0f}, encode {encoding:.2f}, decode and load {decoding:.2f}")
    return small


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; each default is the run that the documentation quotes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--penalty-weight", type=float, default=2.0, help="lambda")
    parser.add_argument("--alpha", type=float, default=0.01)
    parser.add_argument("--initial-log-step", type=float, default=-3.5)
    parser.add_argument("--step-rate", type=float, default=1.25, help="how much faster steps learn than latents")
    parser.add_argument("--ema", type=float, default=0.995, help="momentum of the moving average; 0 for none")
    parser.add_argument("--validation", action="store_true", help="hold out training images instead of the test set")
    parser.add_argument("--mnist", help="mnist.npz, where it is not found by itself")
    parser.add_argument("--save", type=Path, help="write the .wcz file here")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    digits = load_mnist(options.mnist)
    x, y, x_test, y_test = digits.x_train, digits.y_train, digits.x_test, digits.y_test
    if options.validation:
        x, x_test = x[:-VALIDATION_IMAGES], x[-VALIDATION_IMAGES:]
        y, y_test = y[:-VALIDATION_IMAGES], y[-VALIDATION_IMAGES:]
    model, seconds = train(x, y, options)
    small = report(model, x_test, y_test, seconds)
    if options.save:
        options.save.write_bytes(small.data)


if __name__ == "__main__":
    main()
