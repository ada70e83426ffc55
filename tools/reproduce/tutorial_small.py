"""The MNIST classifier of TensorFlow Compression's tutorial, 1,256,080 weights, with the whole recipe.

    python tools/reproduce/tutorial_small.py --no-augmentation              # three seeds
    python tools/reproduce/tutorial_small.py --no-augmentation --validation # as the settings were chosen

`tutorial.py` has the same network with the tutorial's own recipe of five epochs.
"""

from __future__ import annotations

from mnist_row import Row, main
from tutorial import classifier

from wcodec.train import Recipe

ROW = Row(
    name="TFC tutorial classifier",
    network=classifier,
    widths={"conv_1": 12, "conv_2": 24, "fc_1": 80},
    plain=Recipe(epochs=40, penalty_weight=10.0),
    augmented=Recipe(epochs=40, penalty_weight=10.0),
    published=(("TensorFlow Compression", 18727, 1.37),),
)

if __name__ == "__main__":
    main(ROW, __doc__)
