"""LeNet5 as Caffe has it, on MNIST, 431,080 weights: the smallest file at 1.0 % test error.

python tools/reproduce/lenet5_caffe.py                      # three seeds, with augmentation
python tools/reproduce/lenet5_caffe.py --no-augmentation
python tools/reproduce/lenet5_caffe.py --validation         # as the settings were chosen
"""

from __future__ import annotations

import keras
from mnist_row import Row, main

from wcodec.train import Recipe


def network() -> keras.Model:
    """Conv 20@5x5, pool, conv 50@5x5, pool, 500, 10 with ReLU; logits. ReLU comes after pooling: the same values."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(20, 5, name="conv2d"),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Conv2D(50, 5, name="conv"),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(500, activation="relu", name="dense"),
            layers.Dense(10, name="output"),
        ],
        name="lenet5_caffe",
    )


ROW = Row(
    name="LeNet5-Caffe",
    network=network,
    widths={"conv2d": 8, "conv": 20, "dense": 50},
    plain=Recipe(epochs=80, penalty_weight=9.0),
    augmented=Recipe(epochs=110, penalty_weight=22.0),
    published=(("EPR (Oktay et al., 2020)", 2840, 1.0), ("MIRACLE (Havasi et al., 2019)", 1520, 1.0)),
)

if __name__ == "__main__":
    main(ROW, __doc__)
