"""ResNet-8 of MLPerf Tiny on CIFAR-10, 78,666 values, fine-tuned on 25,000 training images.

python tools/reproduce/resnet8.py                 # WCODEC_DATA names the directory with the images and the network
python tools/reproduce/resnet8.py --validation    # as the settings were chosen
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from cifar_row import CifarRow, main

from wcodec.train import Recipe


def pretrained(data: Path) -> keras.Model:
    """The network of MLPerf Tiny (Apache-2.0); it ends with softmax."""
    return keras.models.load_model(data / "native" / "pretrainedResnet.h5", compile=False)


ROW = CifarRow(
    name="ResNet-8",
    pretrained=pretrained,
    prepare=lambda images: images.astype(np.float32),
    recipe=Recipe(epochs=50, penalty_weight=0.15, learning_rate=2e-3, initial_log_step=-4.5, step_rate=5.0),
    from_logits=False,
    published=(),
)

if __name__ == "__main__":
    main(ROW, __doc__)
