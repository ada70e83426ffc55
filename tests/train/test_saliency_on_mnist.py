"""The first-order saliency where it is meant to be used, while a network trains (in one shot, magnitude is ahead)."""

import os
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.train import FirstOrder, Magnitude, PolynomialDecay, prune_low_magnitude  # noqa: E402

layers = keras.layers
MNIST = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[3] / "shared" / "data")) / "mnist.npz"


def accuracy(saliency, seed):
    """LeNet-300-100 on 12,000 images, three epochs, 99 % of fc1 and fc2 pruned; 5,000 other training images judge."""
    with np.load(MNIST) as arrays:
        x, y = arrays["x_train"].astype("float32") / 255, arrays["y_train"]
    keras.utils.set_random_seed(seed)
    hidden = [layers.Dense(n, "relu", name=f"fc{i}") for i, n in ((1, 300), (2, 100))]
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *hidden, layers.Dense(10)])
    steps = 3 * -(-12_000 // 128)
    schedule = PolynomialDecay(0.0, 0.99, steps // 6, 5 * steps // 6, frequency=50)
    pruned = prune_low_magnitude(model, {"fc[12]/kernel": schedule}, saliency=saliency)
    pruned.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pruned.fit(x[:12_000], y[:12_000], batch_size=128, epochs=3, verbose=0)
    assert abs(pruned.sparsity() - 0.99) < 1e-4
    return float(np.mean(pruned.predict(x[-5000:], batch_size=1000, verbose=0).argmax(axis=1) == y[-5000:]))


@pytest.mark.skipif(not MNIST.is_file(), reason=f"no real data at {MNIST} (WCODEC_DATA)")
def test_first_order_keeps_up_with_magnitude_where_few_weights_are_left():
    # Measured: 87.64 and 87.30 % against 87.16 and 86.08 %; over more images and seeds they are level
    first_order = [accuracy(FirstOrder(0.99, 2), seed) for seed in (0, 1)]
    magnitude = [accuracy(Magnitude(), seed) for seed in (0, 1)]
    assert np.mean(first_order) > np.mean(magnitude) - 0.005
    assert min(first_order) > 0.85
