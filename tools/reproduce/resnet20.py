"""ResNet-20 on CIFAR-10 (He et al., 2016), 271,098 values, fine-tuned on 25,000 training images.

python tools/reproduce/resnet20.py                 # WCODEC_DATA names the directory with the images and the network
python tools/reproduce/resnet20.py --validation    # as the settings were chosen
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from cifar_row import CifarRow, main

from wcodec.train import Recipe

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
EPSILON, MOMENTUM = 1e-5, 0.9


def network(blocks: int = 3, widths: tuple[int, int, int] = (16, 32, 64)) -> keras.Model:
    """6 * blocks + 2 layers; shortcuts that downsample are option A: every second pixel, new channels zero."""
    image = keras.Input((32, 32, 3))
    x = keras.layers.ReLU()(_convolution(image, widths[0], 1, "conv1", "bn1"))
    for stage, width in enumerate(widths):
        for block in range(blocks):
            x = _block(x, width, 2 if stage and not block else 1, f"layer{stage + 1}_{block}")
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(10, name="linear")(x), name=f"resnet{6 * blocks + 2}")


def _block(x: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    y = keras.layers.ReLU()(_convolution(x, width, stride, f"{name}_conv1", f"{name}_bn1"))
    y = _convolution(y, width, 1, f"{name}_conv2", f"{name}_bn2")
    if stride > 1:
        added = (width - x.shape[-1]) // 2
        x = keras.layers.AveragePooling2D(1, strides=stride)(x)  # of one pixel: every second one
        x = keras.ops.pad(x, ((0, 0), (0, 0), (0, 0), (added, added)))
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def _convolution(x: keras.KerasTensor, width: int, stride: int, conv: str, norm: str) -> keras.KerasTensor:
    """3x3 with one pixel of padding on every side, as torch has it, and a normalization."""
    padding = "same"
    if stride > 1:
        x, padding = keras.layers.ZeroPadding2D(1)(x), "valid"
    x = keras.layers.Conv2D(width, 3, stride, padding, use_bias=False, name=conv)(x)
    return keras.layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=norm)(x)


def pretrained(data: Path) -> keras.Model:
    """With the weights of akamaster/pytorch_resnet_cifar10 (BSD-2)."""
    weights = wcodec_names(data / "models" / "resnet20.safetensors")
    model = network()
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}/{v.name}"] for v in layer.weights])
    return model


def wcodec_names(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a torch file under the names and in the layout of `network`."""
    from safetensors.numpy import load_file

    leaves = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    renamed: dict[str, np.ndarray] = {}
    for name, value in load_file(path).items():
        *layer, leaf = name.removeprefix("module.").split(".")
        label = layer[0] if len(layer) == 1 else f"{layer[0]}_{layer[1]}_{layer[2]}"
        if value.ndim == 4:
            renamed[f"{label}/kernel"] = value.transpose(2, 3, 1, 0)
        elif value.ndim == 2:
            renamed[f"{label}/kernel"] = value.T
        else:
            renamed[f"{label}/{'bias' if label == 'linear' else leaves[leaf]}"] = value
    return renamed


ROW = CifarRow(
    name="ResNet-20",
    pretrained=pretrained,
    prepare=lambda images: (images.astype(np.float32) / 255 - MEAN) / STD,
    recipe=Recipe(epochs=16, penalty_weight=0.36, learning_rate=2e-3, initial_log_step=-4.5, step_rate=5.0),
    from_logits=True,
    published=(("NNCodec without retraining", 124_000),),
)

if __name__ == "__main__":
    main(ROW, __doc__)
