"""Rows that need a GPU or data that is not at hand: VGG-16, ResNet-20-4 on CIFAR-10; ResNet-18, ResNet-50 on ImageNet.

    python tools/reproduce/large.py vgg16 --data DIR             # DIR/cifar10_25k.npz: x_train, y_train, x_test, y_test
    python tools/reproduce/large.py resnet20_4 --data DIR
    python tools/reproduce/large.py resnet50 --data DIR          # DIR/train, DIR/val: one folder of images a class
    python tools/reproduce/large.py resnet18 --data DIR --penalty-weight 20
    python tools/reproduce/large.py vgg16 --smoke                # a few steps on noise: what the test suite runs

Networks as in the table of Oktay et al. (2020): published sizes are printed beside ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from cifar_row import cropped, load_cifar
from resnet20 import network as resnet_cifar

from wcodec.train import Recipe, fit_compressed

layers = keras.layers
CONFIGURATION_D = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)  # 0 pools


@dataclass(frozen=True)
class LargeRow:
    """A network, its input, its recipe, and (bytes, error in per cent) as published."""

    network: Callable[[int], keras.Model]  # by how much to divide its channels, for a smoke run
    recipe: Recipe
    published: tuple[int, float]


def vgg16(divisor: int = 1) -> keras.Model:
    """VGG-16 for CIFAR-10 (Zagoruyko, 2015): configuration D with normalization, 512 units, 10 logits."""
    model = keras.Sequential([keras.Input((32, 32, 3))], name="vgg16")
    for number, width in enumerate(CONFIGURATION_D):
        if width == 0:
            model.add(layers.MaxPooling2D())
            continue
        model.add(layers.Conv2D(width // divisor, 3, padding="same", name=f"conv_{number}"))
        model.add(layers.BatchNormalization(name=f"norm_{number}"))
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu", name="dense"))
    model.add(layers.Dense(10, name="output"))
    return model


def resnet20_4(divisor: int = 1) -> keras.Model:
    """ResNet-20 with four times the channels."""
    return resnet_cifar(widths=(64 // divisor, 128 // divisor, 256 // divisor))


def resnet50(divisor: int = 1) -> keras.Model:
    """ResNet-50 with the weights that Keras fetches; trained from there. A smoke run takes it as it is, untrained."""
    weights = "imagenet" if divisor == 1 else None
    return keras.applications.ResNet50(weights=weights, classifier_activation=None)


def resnet18(divisor: int = 1) -> keras.Model:
    """ResNet-18 (He et al., 2016) on (224, 224, 3), 1,000 logits."""
    image = keras.Input((224, 224, 3))
    x = layers.Conv2D(64 // divisor, 7, 2, "same", use_bias=False, name="stem")(image)
    x = layers.MaxPooling2D(3, 2, "same")(layers.ReLU()(layers.BatchNormalization(name="stem_norm")(x)))
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            x = _basic_block(x, width // divisor, 2 if stage and not block else 1, f"stage{stage}_{block}")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(1000, name="output")(x), name="resnet18")


def _basic_block(x: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    y = layers.Conv2D(width, 3, stride, "same", use_bias=False, name=f"{name}_conv1")(x)
    y = layers.ReLU()(layers.BatchNormalization(name=f"{name}_norm1")(y))
    y = layers.Conv2D(width, 3, 1, "same", use_bias=False, name=f"{name}_conv2")(y)
    y = layers.BatchNormalization(name=f"{name}_norm2")(y)
    if stride > 1:
        x = layers.Conv2D(width, 1, stride, use_bias=False, name=f"{name}_shortcut")(x)
        x = layers.BatchNormalization(name=f"{name}_shortcut_norm")(x)
    return layers.ReLU()(layers.Add()([x, y]))


CIFAR = Recipe(epochs=200, penalty_weight=20.0, learning_rate=1e-3, initial_log_step=-4.0)
IMAGENET = Recipe(epochs=30, batch_size=256, penalty_weight=10.0, learning_rate=5e-4, initial_log_step=-5.0)
ROWS = {
    "vgg16": LargeRow(vgg16, CIFAR, (101_000, 10.0)),
    "resnet20_4": LargeRow(resnet20_4, CIFAR, (128_000, 8.8)),
    "resnet18": LargeRow(resnet18, IMAGENET, (1_970_000, 30.0)),
    "resnet50": LargeRow(resnet50, IMAGENET, (5_490_000, 26.0)),
}


def cifar(data: Path) -> tuple[Any, Any]:
    """Crops of each epoch, and the test set."""
    x, y, x_test, y_test = load_cifar(data, None)
    crops = lambda n: (cropped(x, np.random.default_rng(n)).astype(np.float32) / 255, y)  # noqa: E731
    return crops, (x_test.astype(np.float32) / 255, y_test)


def imagenet(data: Path, model: keras.Model) -> tuple[Any, Any]:
    """Folders of images as datasets, preprocessed as Keras' ResNets are."""
    prepare = keras.applications.resnet.preprocess_input
    sets = [
        keras.utils.image_dataset_from_directory(
            data / part, image_size=model.input_shape[1:3], batch_size=256, shuffle=part == "train"
        ).map(lambda x, y: (prepare(x), y))
        for part in ("train", "val")
    ]
    return sets[0], sets[1]


def smoke(model: keras.Model, rows: int = 8) -> tuple[Any, Any]:
    """Noise, as much as two batches."""
    x = np.random.default_rng(0).random((rows, *model.input_shape[1:]), np.float32)
    return (x, np.arange(rows) % model.output_shape[-1]), None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--data", type=Path, help="directory of the images")
    parser.add_argument("--penalty-weight", type=float)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument(
        "--smoke", action="store_true", help="two epochs of two steps on noise, with a sixteenth of the channels"
    )
    options = parser.parse_args()
    row = ROWS[options.row]
    model = row.network(16 if options.smoke else 1)
    if options.smoke:
        data, held_out = smoke(model)
    elif options.data is None:
        parser.error("--data names the directory of the images (or try --smoke)")
    else:
        data, held_out = cifar(options.data) if row.recipe is CIFAR else imagenet(options.data, model)
    recipe = Recipe(epochs=2, batch_size=4, penalty_weight=1.0) if options.smoke else row.recipe
    if options.penalty_weight is not None:
        recipe = Recipe(**{**vars(recipe), "penalty_weight": options.penalty_weight})
    pairs = isinstance(held_out, tuple)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fit = fit_compressed(
        model, data, loss=loss, recipe=recipe, validation=held_out if pairs else None,
        evaluate=None if pairs or held_out is None else lambda m: measured(m, held_out),
        checkpoint=options.checkpoint, progress=lambda point: print(point, flush=True),
    )  # fmt: skip
    nbytes, error = row.published
    print(f"{options.row}: {fit.nbytes:,} bytes, {100 * (1 - fit.accuracy):.2f} % (EPR: {nbytes:,}, {error} %)")
    if options.save:
        options.save.write_bytes(fit.data)


def measured(model: keras.Model, dataset: Any) -> float:
    """Top-1 on a dataset of batches."""
    correct, count = 0, 0
    for x, y in dataset:
        correct += int(np.sum(np.asarray(model.predict_on_batch(x)).argmax(axis=-1) == np.asarray(y)))
        count += len(y)
    return correct / max(count, 1)


if __name__ == "__main__":
    main()
