"""The networks of ptq.py: how to make each, what it is calibrated on, and how its outputs are compared.

Images of CIFAR-10 are at hand. The keyword networks' recordings are not: they are calibrated and compared on synthetic
inputs, 1/f noise over time and frequency, and their rows say so. MiniLM reads English text of installed packages.
What only exists as tensors is compared by its weights.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
CALIBRATION = 512
CIFAR_RANGE = (-2.1, 2.6)  # of normalized pixels


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        load: makes the model, or reads its tensors.
        calibration: its inputs; None for what is only tensors.
        test: inputs and, where there are any, labels.
        sizes: of our files with calibration data, bytes.
        data_free_sizes: of our files without.
        data_free: options that say what inputs look like.
        options: for the calibrated files alone, where a network needs others than the defaults.
        measure: "kl" of class outputs, "cosine" of embeddings, "squared" error over variance, or "weights".
        qps: quantization parameters of NNCodec.
    """

    load: Callable[[], Any]
    calibration: Callable[[], np.ndarray | None]
    test: Callable[[], tuple[np.ndarray | None, np.ndarray | None]]
    sizes: tuple[int, ...] = ()
    data_free_sizes: tuple[int, ...] = ()
    data_free: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    measure: str = "kl"
    qps: tuple[int, ...] = (-16, -18, -20, -22, -24, -28)


def _cifar_resnet(name: str, sizes: tuple[int, ...], data_free_sizes: tuple[int, ...]) -> Case:
    from cifar_resnet import images, load_resnet

    return Case(
        lambda: load_resnet(DATA / "models" / f"{name}.safetensors"),
        lambda: images(DATA, "train", 0, CALIBRATION)[0],
        lambda: images(DATA, "test"),
        sizes,
        data_free_sizes,
        {"input_shape": (3, 32, 32), "input_range": CIFAR_RANGE},
    )


def _keras_file(name: str) -> Any:
    import keras

    return keras.saving.load_model(DATA / "native" / name, compile=False)


def _resnet8() -> Case:
    def images(split: str, last: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        with np.load(DATA / "cifar10_25k.npz") as archive:
            x, y = archive[f"x_{split}"][:last], archive[f"y_{split}"][:last]
        return x.astype(np.float32), y.astype(np.int64).ravel()

    return Case(
        lambda: _keras_file("pretrainedResnet.h5"),
        lambda: images("train", CALIBRATION)[0],
        lambda: images("test"),
        (22_000, 26_000, 32_000, 40_000),
        (34_000, 40_000),
        {"input_range": (0.0, 255.0)},
    )


def _noise(shape: tuple[int, ...], count: int, seed: int) -> np.ndarray:
    from wcodec.posttrain.synthetic import noise_images

    return noise_images(shape, (-2.0, 2.0), channels_first=False, count=count, seed=seed)


def _synthetic(model: Callable[[], Any], shape: tuple[int, ...], sizes: tuple[int, ...], measure: str) -> Case:
    image = shape if len(shape) == 3 else (1, *shape, 1)
    return Case(
        model,
        lambda: _noise(image, CALIBRATION, 1).reshape(-1, *shape),
        lambda: (_noise(image, 1000, 2).reshape(-1, *shape), None),
        sizes,
        measure=measure,
    )


def ds_cnn() -> Any:
    """MLPerf Tiny's keyword spotter: a convolution and four depthwise separable ones, 49 frames of 10 coefficients."""
    import keras
    from safetensors.numpy import load_file

    layers = keras.layers
    stack = [keras.Input((49, 10, 1)), layers.Conv2D(64, (10, 4), 2, "same"), layers.BatchNormalization()]
    stack.append(layers.ReLU())
    for _ in range(4):
        stack += [layers.DepthwiseConv2D(3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
        stack += [layers.Conv2D(64, 1), layers.BatchNormalization(), layers.ReLU()]
    model = keras.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(12, activation="softmax")])
    weights = load_file(DATA / "models" / "mlperftiny_kws_dscnn.safetensors")
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        for variable in layer.weights:
            variable.assign(weights[f"layer_with_weights-{number}/{_name_in_file(layer, variable)}"])
    return model


def wake_word() -> Any:
    """MLPerf Tiny's streaming wake word net: four depthwise separable convolutions over 30 frames of 40 bands."""
    import keras
    from safetensors.numpy import load_file

    layers = keras.layers
    stack: list[Any] = [keras.Input((30, 1, 40))]
    for number, (length, outputs) in enumerate(((3, 128), (5, 128), (10, 128), (15, 32))):
        end = f"_{number}" if number else ""
        stack += [
            layers.DepthwiseConv2D((length, 1), use_bias=False, name=f"depthwise_conv2d{end}"),
            layers.Conv2D(outputs, 1, use_bias=False, name=f"conv2d{end}"),
            layers.BatchNormalization(name=f"batch_normalization{end}"),
            layers.ReLU(),
        ]
    model = keras.Sequential([*stack, layers.Flatten(), layers.Dense(3, activation="softmax", name="dense")])
    weights = load_file(DATA / "models" / "mlperftiny_streaming_wakeword.safetensors")
    for layer in model.layers:
        for variable in layer.weights:
            variable.assign(weights[f"{layer.name}/{layer.name}/{_name_in_file(layer, variable)}"])
    return model


def _name_in_file(layer: Any, variable: Any) -> str:
    """Keras 2 wrote these files."""
    depthwise = type(layer).__name__ == "DepthwiseConv2D" and variable.name == "kernel"
    return "depthwise_kernel" if depthwise else str(variable.name)


def _minilm() -> Case:
    from minilm import load_minilm, token_samples

    return Case(
        load_minilm,
        lambda: token_samples(900)[: CALIBRATION // 2],  # 16,384 tokens
        lambda: (token_samples(900)[800:], None),  # settings were chosen on those between
        (8_200_000,),
        options={"damping": 0.3},
        measure="cosine",
        qps=(-24,),
    )


def _tensors(path: Path, sizes: tuple[int, ...]) -> Case:
    from safetensors.numpy import load_file

    return Case(
        lambda: load_file(path), lambda: None, lambda: (None, None), (), sizes, measure="weights", qps=(-20, -28)
    )


def _silero() -> Case:
    found = importlib.util.find_spec("silero_vad")
    if found is None or not found.submodule_search_locations:
        raise ImportError("pip install --no-deps silero-vad")
    folder = Path(found.submodule_search_locations[0]) / "data"
    return _tensors(folder / "silero_vad_16k.safetensors", (146_928, 179_343, 221_109, 257_014))


CASES: dict[str, Callable[[], Case]] = {
    "resnet20": lambda: _cifar_resnet("resnet20", (60_000, 66_000, 72_000, 80_000, 98_000), (80_000, 93_000)),
    "resnet56": lambda: _cifar_resnet("resnet56", (135_000, 160_000, 200_000), (200_000, 220_000)),
    "resnet8": _resnet8,
    "ds_cnn": lambda: _synthetic(ds_cnn, (49, 10, 1), (9_000, 12_000, 15_000), "kl"),
    "wake_word": lambda: _synthetic(wake_word, (30, 1, 40), (14_000, 18_000, 24_000), "kl"),
    "autoencoder": lambda: _synthetic(lambda: _keras_file("ad01.h5"), (640,), (60_000, 90_000), "squared"),
    "minilm": _minilm,
    "silero": _silero,
    "rwkv": lambda: _tensors(
        DATA / "models" / "rwkv_tiny_5v2-730K_fp32.safetensors", (291_298, 358_761, 458_343, 545_143)
    ),
}
