"""LeNet-300-100 on MNIST (LeCun et al., 1998), 266,610 weights: the smallest file at 1.9 % test error.

python tools/reproduce/lenet_300_100.py                      # three seeds, with augmentation
python tools/reproduce/lenet_300_100.py --no-augmentation
python tools/reproduce/lenet_300_100.py --validation         # as the settings were chosen
"""

from __future__ import annotations

import keras
from mnist_row import Row, main

from wcodec.factorizations import Tent
from wcodec.train import Recipe


def network() -> keras.Model:
    """784-300-100-10 with ReLU; logits."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(300, activation="relu", name="dense"),
            layers.Dense(100, activation="relu", name="layer"),
            layers.Dense(10, name="output"),
        ],
        name="lenet_300_100",
    )


ROW = Row(
    name="LeNet-300-100",
    network=network,
    widths={"dense": 150, "layer": 60},
    plain=Recipe(epochs=60, penalty_weight=3.5),
    augmented=Recipe(epochs=300, penalty_weight=15.0),
    published=(("EPR (Oktay et al., 2020)", 8560, 1.9),),
    # The input is an image: its weights are stored as overlapping tents, a quarter as many numbers.
    factorizations={"dense/kernel": lambda shape: Tent(shape, 28, 28)},
)

if __name__ == "__main__":
    main(ROW, __doc__)
