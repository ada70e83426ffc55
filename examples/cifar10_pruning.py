"""The cifar10 example of contrib model_pruning, scaled down: nine weights of ten become zero while the network trains.

    python examples/cifar10_pruning.py            # a few seconds; on scikit-learn's digits where CIFAR-10 is absent
    python examples/cifar10_pruning.py --full     # 24,000 images, 6 epochs

The hyperparameters are the original's string with its steps scaled down. What the original wrote was as large as
before; here the file holds a mask and the values that are left.
"""

import argparse
import os
import sys
from pathlib import Path

import keras
import numpy as np

import wcodec
from wcodec.train import strip_pruning
from wcodec.train.originals import pruned_model

DATA = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[2] / "shared" / "data"))
BATCH = 64
layers = keras.layers


def images(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images (n, 24, 24, 3) in -0.5..0.5, and their labels."""
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
    """conv1, conv2, local3, local4, softmax; a quarter of the original's filters."""
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


parser = argparse.ArgumentParser()
parser.add_argument("--full", action="store_true")
full = parser.parse_args().full
x_train, y_train, x_test, y_test = images(24_000 if full else 2_000)
epochs = 6 if full else 3
steps = epochs * -(-len(x_train) // BATCH)


def trained(model: keras.Model) -> keras.Model:
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x_train, y_train, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def accuracy(data: bytes) -> float:
    model = network()
    wcodec.load_into(model, data)
    return float(np.mean(model.predict(x_test, verbose=0).argmax(axis=1) == y_test))


keras.utils.set_random_seed(1)
dense = wcodec.encode(trained(network()))
keras.utils.set_random_seed(1)
begin, end = steps // 4, 3 * steps // 4
pruned = pruned_model(
    network(),
    f"name=cifar10_pruning,begin_pruning_step={begin},end_pruning_step={end},target_sparsity=0.9,"
    f"sparsity_function_begin_step={begin},sparsity_function_end_step={end}",
)
sparse = wcodec.encode(trained(pruned))
zeros = [(row.zeros, row.elements) for row in pruned.report()]
plain = strip_pruning(pruned)

loss = accuracy(dense.data) - accuracy(sparse.data)
for label, report in (("dense", dense), ("pruned", sparse)):
    told = f"{label}: {report.nbytes:,} bytes, {report.ratio:.1f}x, accuracy {100 * accuracy(report.data):.2f} %"
    print(told, file=sys.stderr)
exact = all(count == elements - round(elements * (1 - 0.9)) for count, elements in zeros)
print(f"nine weights of ten are zero, exactly: {exact}")
kernel = keras.ops.convert_to_numpy(plain.get_layer("local3").kernel)
print(f"the stripped model has the same zeros: {int((kernel == 0).sum()) == zeros[2][0]}")
print(f"more than 4 times smaller than the dense file: {4 * sparse.nbytes < dense.nbytes}")
if full:  # fewer steps leave little time to recover
    print(f"accuracy within 5 points of the dense net's: {loss < 0.05}")
