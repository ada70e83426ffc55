"""MNIST images turned, scaled, sheared, shifted and bent a little: a few stored copies of the training set.

Affine and elastic distortion as in Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks
Applied to Visual Document Analysis" (2003). Half of the images of an epoch stay as they are: a small network that sees
distorted ones only spends its bytes on them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

COPIES = 8
DEGREES, SCALE, SHEAR, PIXELS = 12, 0.12, 0.2, 1.5  # most, in both directions
ELASTIC_PIXELS, ELASTIC_SIGMA = 7.5, 4.0  # of uniform noise in -1..1 before it is smoothed; of the smoothing
SEED = 20261125
BLOCK = 5000  # images at a time


def distorted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One distorted version of each of (count, 28, 28) uint8 images."""
    from scipy import ndimage

    count, height, width = images.shape
    noise = rng.uniform(-1, 1, (2, count, height, width)).astype(np.float32)
    bent = ELASTIC_PIXELS * ndimage.gaussian_filter(noise, (0, 0, ELASTIC_SIGMA, ELASTIC_SIGMA))
    y, x = np.mgrid[0:height, 0:width] - np.array([height - 1, width - 1])[:, None, None] / 2
    out = np.empty_like(images)
    for i, image in enumerate(images):
        (a, b), (c, d) = _affine(rng)
        down, right = rng.uniform(-PIXELS, PIXELS, 2)
        rows = a * y + b * x + (height - 1) / 2 + down + bent[0, i]
        columns = c * y + d * x + (width - 1) / 2 + right + bent[1, i]
        moved = ndimage.map_coordinates(image.astype(np.float32), [rows, columns], order=1)
        out[i] = moved.clip(0, 255).round()
    return out


def _affine(rng: np.random.Generator) -> np.ndarray:
    """A turn, a shear and a scale of both axes: (2, 2)."""
    angle = np.deg2rad(rng.uniform(-DEGREES, DEGREES))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, rng.uniform(-SHEAR, SHEAR)], [0, 1]])
    return turn @ shear @ np.diag(1 + rng.uniform(-SCALE, SCALE, 2))


def stored_copies(images: np.ndarray, cache: Path | None = None) -> np.ndarray:
    """(COPIES, count, 28, 28) uint8; made once, about three minutes, and kept in a file."""
    path = cache or Path(tempfile.gettempdir()) / f"wcodec_mnist_{COPIES}_copies.npy"
    if not path.exists():
        rng = np.random.default_rng(SEED)
        blocks = [[distorted(images[i : i + BLOCK], rng) for i in range(0, len(images), BLOCK)] for _ in range(COPIES)]
        np.save(path, np.stack([np.concatenate(copy) for copy in blocks]))
    return np.load(path, mmap_mode="r")


def half_augmented(
    x: np.ndarray, y: np.ndarray, copies: np.ndarray, seed: int
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Epoch -> (x, y), half of the images replaced by one of their copies.

    Args:
        x: (count, ...) float32 in 0..1.
        y: (count,) labels.
        copies: of at least `count` images.
        seed: of which images and which copies.
    """

    def epoch(number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, number])
        copy = np.where(rng.random(len(x)) < 0.5, rng.integers(0, len(copies), len(x)), -1)
        mixed = x.copy()
        for k in range(len(copies)):
            chosen = np.flatnonzero(copy == k)
            mixed[chosen] = (copies[k][chosen] / np.float32(255)).reshape(-1, *x.shape[1:])
        return mixed, y

    return epoch
