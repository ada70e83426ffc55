"""Handwritten digits: the 8x8 set inside scikit-learn, or MNIST."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

TEST_DIGITS = 400  # of the 1,797


class Digits(NamedTuple):
    """Images (count, height, width, 1) float32 in 0..1 and labels (count,)."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load_digits(_: str | None) -> Digits:
    """scikit-learn's digits (UCI optical recognition, 8x8 pixels of 0..16), in a fixed random order."""
    from sklearn.datasets import load_digits as load

    pixels, labels = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    x, y = _images(pixels[order], 16).reshape(-1, 8, 8, 1), labels[order]
    return Digits("digits", x[:-TEST_DIGITS], y[:-TEST_DIGITS], x[-TEST_DIGITS:], y[-TEST_DIGITS:])


def load_mnist(path: str | None) -> Digits:
    """MNIST from `path`, from $WCODEC_DATA or ../shared/data/mnist.npz, or else through Keras (which keeps a copy).

    Raises:
        OSError: there is none, and the network does not have it.
    """
    found = [candidate for candidate in _mnist_files(path) if candidate.is_file()]
    if path is not None and not found:
        raise FileNotFoundError(f"{path}: no such file")
    with np.load(found[0] if found else _download(), allow_pickle=False) as arrays:
        x_train, x_test = (_images(arrays[key], 255)[..., np.newaxis] for key in ("x_train", "x_test"))
        return Digits("MNIST", x_train, arrays["y_train"], x_test, arrays["y_test"])


DATA: dict[str, Callable[[str | None], Digits]] = {"digits": load_digits, "mnist": load_mnist}


def _mnist_files(path: str | None) -> list[Path]:
    if path is not None:
        return [Path(path)]
    checkout = Path(__file__).parents[3]
    return [Path(os.environ.get("WCODEC_DATA", checkout.parent / "shared" / "data")) / "mnist.npz"]


def _download() -> str:
    import keras

    try:
        # What keras.datasets.mnist fetches; a copy of its own stays in the Keras directory.
        return str(
            keras.utils.get_file(
                "mnist.npz",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
                file_hash="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            )
        )
    except Exception as e:  # Keras raises a bare Exception where the network fails
        raise OSError(f"MNIST is not here and could not be fetched: {e}; name a file with --mnist") from e


def _images(pixels: np.ndarray, white: int) -> np.ndarray:
    return (pixels / white).astype(np.float32)
