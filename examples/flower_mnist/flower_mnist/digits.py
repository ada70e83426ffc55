"""Handwritten digits, and who has which."""

from typing import NamedTuple

import numpy as np


class Data(NamedTuple):
    """Images (n, 28, 28) from 0 to 255 and labels (n,) of two splits; `scaled` makes the network's inputs of them."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def load(path: str) -> Data:
    """MNIST from an .npz (x_train, y_train, x_test, y_test); scikit-learn's digits, enlarged, where `path` is empty."""
    if path:
        with np.load(path) as archive:
            return Data(*((archive[f"x_{part}"], archive[f"y_{part}"]) for part in ("train", "test")))
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    large = np.kron(images.reshape(-1, 8, 8), np.ones((3, 3))) * 255 / 16
    padded = np.pad(large, ((0, 0), (2, 2), (2, 2)))
    return Data((padded[:1397], labels[:1397]), (padded[1397:], labels[1397:]))


def scaled(images: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28) as inputs (n, 1, 28, 28), float32."""
    return ((images.astype(np.float32) / 255 - 0.1307) / 0.3081)[:, None]


def dirichlet_split(labels: np.ndarray, parts: int, alpha: float, seed: int) -> list[np.ndarray]:
    """Places of each part's examples: of each class, shares from a Dirichlet distribution."""
    rng = np.random.default_rng(seed)
    places: list[list[np.ndarray]] = [[] for _ in range(parts)]
    for label in range(10):
        mine = rng.permutation(np.flatnonzero(labels == label))
        cuts = (np.cumsum(rng.dirichlet([alpha] * parts))[:-1] * len(mine)).astype(int)
        for part, piece in zip(places, np.split(mine, cuts), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in places]
