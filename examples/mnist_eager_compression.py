"""The MNIST example of graph_compression in eager mode: a LeNet of compressed layers, trained in a loop of its own.

    python examples/mnist_eager_compression.py            # a few seconds; scikit-learn's digits where MNIST is absent
    python examples/mnist_eager_compression.py --full     # 60,000 images, 3 epochs

LeNet-5 as there (convolutions of 6, 16 and 120 filters 5 x 5, then 84 and 10 units), all kernels under option 9: blocks
of 20 inputs go through one shared matrix 20 x 10. The kernels exist as factors only, in training and in the file.
"""

import argparse
import os
import sys
from pathlib import Path

import keras
import numpy as np

import wcodec
from wcodec.train.hparams import INPUT_COMPRESSION
from wcodec.train.layers import CompressedConv2D, CompressedDense, FactoredLayer
from wcodec.train.originals import factorization_of

DATA = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[2] / "shared" / "data"))
BATCH = 64
layers = keras.layers


def images(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images (n, height, width, 1) in 0..1, and their labels."""
    if (DATA / "mnist.npz").is_file():
        with np.load(DATA / "mnist.npz") as data:
            x_train, x_test = ((data[key][..., None] / np.float32(255)) for key in ("x_train", "x_test"))
            return x_train[:count], data["y_train"][:count], x_test, data["y_test"]
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.kron(digits.images / 16, np.ones((2, 2)))[..., None].astype("float32")
    return x[:1400], digits.target[:1400], x[1400:], digits.target[1400:]


def network(shape: tuple[int, ...]) -> keras.Model:
    """LeNet-5 with compressed kernels."""
    option_9 = factorization_of(INPUT_COMPRESSION.parse("input_block_size=20,rank=2"))
    return keras.Sequential(
        [
            keras.Input(shape),
            CompressedConv2D(6, 5, option_9, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(),
            CompressedConv2D(16, 5, option_9, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(),
            CompressedConv2D(120, 5, option_9, padding="same", activation="relu", name="conv3"),
            layers.GlobalAveragePooling2D(),
            CompressedDense(84, option_9, activation="relu", name="dense1"),
            layers.Dense(10, name="logits"),
        ]
    )


parser = argparse.ArgumentParser()
parser.add_argument("--full", action="store_true")
full = parser.parse_args().full
x_train, y_train, x_test, y_test = images(60_000 if full else 2_000)
keras.utils.set_random_seed(1)
model = network(x_train.shape[1:])
model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
for _ in range(3 if full else 10):
    order = np.random.default_rng(0).permutation(len(x_train))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        model.train_on_batch(x_train[batch], y_train[batch])

report = wcodec.encode(model)
again = network(x_train.shape[1:])
wcodec.load_into(again, report.data)
accuracy = float(np.mean(again.predict(x_test, verbose=0).argmax(axis=1) == y_test))
compressed = [layer for layer in model.layers if isinstance(layer, FactoredLayer)]
dense = sum(int(np.prod(variable.shape)) for layer in compressed for _, variable in layer.factored_variables())
held = sum(v.size for layer in compressed for w in layer.factored_weights().values() for v in w.factors.values())
print(f"{report.nbytes:,} bytes, accuracy {100 * accuracy:.2f} %, {held:,} numbers for {dense:,}", file=sys.stderr)
print(f"the kernels are about half as many numbers: {0.4 < held / dense < 0.65}")
print(f"the decoded file is right on 85 digits of 100: {accuracy > 0.85}")
