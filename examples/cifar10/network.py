"""What the two CIFAR-10 examples share: images, the network of the originals, its training, the accuracy of a file."""

import argparse
import os
import sys
from pathlib import Path

import keras
import numpy as np

import wcodec

DATA = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[3] / "shared" / "data"))
BATCH = 64
layers = keras.layers


def images(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images (n, 24, 24, 3) in -0.5..0.5, and labels; scikit-learn's digits where CIFAR-10 is not."""
    if (DATA / "cifar10_25k.npz").is_file():
        with np.load(DATA / "cifar10_25k.npz") as data:
            x, y = data["x_train"][:count], data["y_train"][:count]
            crops = [(part[:, 4:28, 4:28] / np.float32(255) - 0.5) for part in (x, data["x_test"])]
            return crops[0], y.ravel(), crops[1], data["y_test"].ravel()
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.kron(digits.images / 16 - 0.5, np.ones((3, 3)))[..., None].repeat(3, -1).astype("float32")
    return x[:1400], digits.target[:1400], x[1400:], digits.target[1400:]


def network() -> keras.Model:
    """conv1, conv2, local3, local4, softmax; a quarter of the originals' filters."""
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 5, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(3, 2, padding="same"),
            layers.Conv2D(16, 5, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(3, 2, padding="same"),
            layers.Flatten(),
            layers.Dense(384, activation="relu", name="local3"),
            layers.Dense(192, activation="relu", name="local4"),
            layers.Dense(10, name="softmax"),
        ]
    )


class Training:
    """One way to train, the same for the dense network and for what is made of it.

    Attributes:
        full: 24,000 images and 6 epochs, 4,000 and 4 else.
        steps: how many there are.
    """

    def __init__(self) -> None:
        """As the command line says."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--full", action="store_true")
        self.full: bool = parser.parse_args().full
        self.x, self.y, self.x_test, self.y_test = images(24_000 if self.full else 4_000)
        self.epochs = 6 if self.full else 4
        self.steps = self.epochs * -(-len(self.x) // BATCH)

    def fit(self, model: keras.Model) -> keras.Model:
        model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(self.x, self.y, batch_size=BATCH, epochs=self.epochs, verbose=0)
        return model

    def accuracy(self, label: str, report: wcodec.EncodeReport) -> float:
        """Of what a decoder finds in the file; told on the error output."""
        model = network()
        wcodec.load_into(model, report.data)
        found = float(np.mean(model.predict(self.x_test, verbose=0).argmax(axis=1) == self.y_test))
        print(f"{label}: {report.nbytes:,} bytes, {report.ratio:.1f}x, accuracy {100 * found:.2f} %", file=sys.stderr)
        return found
