"""Inputs for networks whose data is not at hand: images of 1/f noise.

Correlations between the channels behind a rectifier come mostly from the weights, and natural images have spectra
near 1/f (Field, 1987); so noise with such spectra, correlated colours and varying contrast and brightness gives
second moments that serve error feedback at moderate rates. It tells nothing of what the network is sure of: only the
one-shot quantizer with strong damping may use it, and no low rates.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import OptionError
from .rounding import Damping

COUNT = 512
DAMPING = Damping(feedback=0.1)
FEWEST_BITS = 1.75  # of the file a weight; below, plain rounding was better than feedback in every trial

EXPONENTS = (0.5, 1.0, 1.5)  # of the amplitude spectrum 1 / f^a
SHARED_COLOUR = 0.8  # how much of a channel's noise all channels have in common, as a correlation


def synthetic_inputs(
    shape: tuple[int, ...] | None, value_range: tuple[float, float], *, channels_first: bool, count: int = COUNT
) -> np.ndarray:
    """float32 (count, *shape): images of 1/f noise for three axes, the same along one axis for two, white for one.

    Raises:
        OptionError: no shape, or one that nothing is known about.
    """
    if shape is None:
        raise OptionError("the model does not tell the shape of its input: give input_shape=, of one sample")
    if len(shape) == 3:
        return noise_images(shape, value_range, channels_first=channels_first, count=count)
    if len(shape) == 2:  # a signal: (channels, length) or (length, channels)
        wide = (shape[0], 1, shape[1]) if channels_first else (1, *shape)
        return noise_images(wide, value_range, channels_first=channels_first, count=count).reshape(count, *shape)
    if len(shape) == 1:
        wide = (1, 1, shape[0]) if channels_first else (1, shape[0], 1)
        return noise_images(wide, value_range, channels_first=channels_first, count=count).reshape(count, *shape)
    raise OptionError(f"data-free calibration makes images, signals and vectors; {shape} is the shape of none")


def noise_images(
    shape: tuple[int, ...], value_range: tuple[float, float], *, channels_first: bool, count: int = COUNT, seed: int = 0
) -> np.ndarray:
    """float32 (count, *shape) of images clipped to `value_range`.

    Args:
        shape: of one image, (channels, height, width) or (height, width, channels).
        value_range: lowest and highest value that inputs take, after whatever preprocessing they get.
        channels_first: layout of `shape`.

    Raises:
        OptionError: not the shape of an image, or an empty range.
    """
    low, high = value_range
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise OptionError(f"data-free calibration makes images; {shape} is not the shape of one")
    if not low < high:
        raise OptionError(f"the input range {value_range} is empty")
    channels, height, width = shape if channels_first else (shape[2], *shape[:2])
    rng = np.random.default_rng(seed)
    images = np.stack([_image(rng, channels, height, width) for _ in range(count)])
    middle, half = (low + high) / 2, (high - low) / 2
    scaled = np.clip(middle + half * images, low, high).astype(np.float32)
    return scaled if channels_first else np.ascontiguousarray(np.moveaxis(scaled, 1, -1))


def _image(rng: np.random.Generator, channels: int, height: int, width: int) -> np.ndarray:
    """(channels, height, width) around 0, most of it within -1..1."""
    exponent = rng.choice(EXPONENTS)
    shared = _field(rng, height, width, exponent)
    own = np.stack([_field(rng, height, width, exponent) for _ in range(channels)])
    mixed = math.sqrt(SHARED_COLOUR) * shared + math.sqrt(1 - SHARED_COLOUR) * own
    contrast, brightness = rng.uniform(0.2, 0.7), rng.uniform(-0.4, 0.4)
    tint = rng.normal(0, 0.1, (channels, 1, 1))
    return np.asarray(contrast * mixed + brightness + tint)


def _field(rng: np.random.Generator, height: int, width: int, exponent: float) -> np.ndarray:
    """Noise with amplitudes 1 / f^exponent, mean 0 and variance 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width)[np.newaxis])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / frequency**exponent
    field = np.fft.irfft2(spectrum, s=(height, width))
    deviation = field.std()
    return np.asarray(field / deviation if deviation > 0 else field)
