"""Networks that several files of tests use."""

from __future__ import annotations

from typing import Any

import numpy as np


def two_layers(seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of a convolution and of a dense layer, as a federation sends them."""
    rng = np.random.default_rng(seed)
    return {
        "conv.weight": rng.normal(0, 0.1, (8, 3, 3, 3)).astype(np.float32),
        "fc.weight": rng.normal(0, 0.05, (40, 60)).astype(np.float32),
        "fc.bias": np.zeros(40, np.float32),
    }


def cifar10_of_the_originals() -> Any:
    """A Keras model with the layers that the originals' strings name."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(8, 5, strides=4, padding="same", name="conv1"),
            layers.Flatten(),
            layers.Dense(96, name="local3"),
            layers.Dense(48, name="local4"),
            layers.Dense(3, name="softmax"),
        ]
    )
