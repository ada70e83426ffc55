"""Which weights to prune: magnitude against the first-order term of the loss, at once and while the network trains.

    python tools/bench/saliency.py                          # the test images, five seeds
    python tools/bench/saliency.py --validation             # 5,000 training images judge, as the settings were chosen
    python tools/bench/saliency.py --at-once --seeds 0 1 2

LeNet-300-100 on MNIST, fc1 and fc2 pruned; every row of a seed starts from the same weights and sees the same batches.
Gradually: three epochs, the sparsity rises from 0 to its target between the sixth and the fifth sixth of the steps
(Zhu and Gupta, 2017), masks anew every 50 steps. At once: two epochs, one mask from the last epoch's averages, no
training after it.
"""

from __future__ import annotations

import argparse
from typing import Any

import keras
import numpy as np
from factored_training import BATCH, VALIDATION_IMAGES, lenet300

from wcodec.cli.demo.data import load_mnist
from wcodec.train import ConstantSparsity, FirstOrder, Magnitude, PolynomialDecay, prune_low_magnitude

SALIENCIES = {
    "magnitude": Magnitude(),
    "w dL/dw squared": FirstOrder(0.99, 2),
    "|w dL/dw|": FirstOrder(0.99, 1),
}
WEIGHTS = ("fc1/kernel", "fc2/kernel")


def pruned(x: np.ndarray, y: np.ndarray, saliency: Any, sparsity: float, seed: int, at_once: bool) -> keras.Model:
    """A trained and pruned network."""
    keras.utils.set_random_seed(seed)
    epochs = 2 if at_once else 3
    steps = epochs * -(-len(x) // BATCH)
    schedule = (
        ConstantSparsity(sparsity, steps, frequency=10**6)
        if at_once
        else PolynomialDecay(0.0, sparsity, steps // 6, 5 * steps // 6, frequency=50)
    )
    model = prune_low_magnitude(lenet300(), dict.fromkeys(WEIGHTS, schedule), saliency=saliency)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sparsity", type=float, nargs="*", default=[0.98, 0.99])
    parser.add_argument("--at-once", action="store_true")
    parser.add_argument("--validation", action="store_true")
    options = parser.parse_args()
    digits = load_mnist(None)
    x, y, x_test, y_test = digits.x_train, digits.y_train, digits.x_test, digits.y_test
    if options.validation:
        x, y, x_test, y_test = *(a[:-VALIDATION_IMAGES] for a in (x, y)), *(a[-VALIDATION_IMAGES:] for a in (x, y))
    for sparsity in options.sparsity:
        found: dict[str, list[float]] = {name: [] for name in SALIENCIES}
        for seed in options.seeds:
            for name, saliency in SALIENCIES.items():
                model = pruned(x, y, saliency, sparsity, seed, options.at_once)
                assert abs(model.sparsity() - sparsity) < 1e-3
                outputs = model.predict(x_test, batch_size=1000, verbose=0)
                found[name].append(100 * float(np.mean(outputs.argmax(axis=1) == y_test)))
        for name, accuracies in found.items():
            wins = sum(a > b for a, b in zip(accuracies, found["magnitude"], strict=True))
            listed = ", ".join(f"{a:.2f}" for a in accuracies)
            told = f"{sparsity}: {name}: mean {np.mean(accuracies):.2f} % ({listed}), ahead of magnitude {wins} times"
            print(told, flush=True)


if __name__ == "__main__":
    main()
