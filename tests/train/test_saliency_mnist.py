"""On a real LeNet-300-100, the first-order Taylor term picks better weights to keep than magnitude does."""

import os
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.train import ConstantSparsity, FirstOrder, Magnitude, prune_low_magnitude  # noqa: E402

MNIST = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / "mnist.npz"
layers = keras.layers


def lenet():
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(300, "relu", name="fc1"),
            layers.Dense(100, "relu", name="fc2"),
            layers.Dense(10, name="fc3"),
        ]
    )


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.is_file(), reason=f"no real data at {MNIST} (WCODEC_DATA)")
def test_one_shot_at_95_percent_beats_magnitude():
    with np.load(MNIST) as data:
        x, y = data["x_train"].reshape(-1, 784) / np.float32(255), data["y_train"]
        x_test, y_test = data["x_test"].reshape(-1, 784) / np.float32(255), data["y_test"]
    model = lenet()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    model.fit(x, y, batch_size=128, epochs=2, verbose=0)
    weights = model.get_weights()

    def accuracy(saliency):
        model.set_weights(weights)
        steps = 100  # batches of 128 that the gradients are averaged over; nothing is trained
        schedule = ConstantSparsity(0.95, steps, frequency=10**6)
        pruned = prune_low_magnitude(model, {"fc1/kernel": schedule, "fc2/kernel": schedule}, saliency=saliency)
        pruned.compile(keras.optimizers.SGD(0.0), loss)
        pruned.fit(x[: 128 * steps], y[: 128 * steps], batch_size=128, verbose=0)
        assert pruned.sparsity() == pytest.approx(0.95, abs=1e-4)
        return float(np.mean(pruned.predict(x_test, batch_size=1000, verbose=0).argmax(axis=1) == y_test))

    magnitude, first_order = accuracy(Magnitude()), accuracy(FirstOrder())
    print(f"magnitude {magnitude:.4f}, first order {first_order:.4f}")
    assert first_order > magnitude + 0.05
