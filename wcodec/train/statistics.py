"""The moving statistics of batch normalizations at the end of a training: measured again, and on a grid.

During training they are averages over weights that were still moving, and symbols that flip between two values move
them more than anything else does. Measured on the weights as a file has them they are what the network needs: Wu and
Johnson, "Rethinking 'Batch' in BatchNorm" (2021, arXiv:2105.07576); Nagel et al., "Overcoming Oscillations in
Quantization-Aware Training" (2022, arXiv:2203.11086).

They have no latents, so nothing bounds their precision: near-lossless they take 12 to 20 bits each, a tenth of what a
small network takes at all. What an error of them does is known, however: it shifts or scales a channel, in units of
the channel's standard deviation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from ..quantize import from_symbols, step_code_at_most, to_symbols
from .variables import variable_names
from .wrapper import owners_of

# Of the least standard deviation of a layer: a shift of at most 1/64 of it, a scale of at most 1/64 too.
GRID = 1 / 32
# But at most so many steps for the root mean square, whatever a channel that is nearly silent would ask for.
FINEST = 2.0**-12


def normalizations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """The batch normalizations of a model that train, innermost layers included."""
    layers = dict.fromkeys(owners_of(model).values())  # a shared one once
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]


def reestimate_statistics(model: keras.Model, batches: Iterable[Any]) -> None:
    """Set the moving statistics of all batch normalizations to their plain mean over some batches.

    Args:
        model: a plain built model; nothing else of it changes.
        batches: inputs, (batch, ...) each, as in training; none leaves the statistics as they are.
    """
    layers = normalizations(model)
    momenta = [layer.momentum for layer in layers]
    try:
        for number, inputs in enumerate(batches if layers else ()):
            for layer in layers:
                layer.momentum = number / (number + 1)  # the mean of all batches so far
            model(inputs, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def statistic_codes(model: keras.Model) -> dict[str, int]:
    """Name of each moving mean and variance -> code of the step that suits its layer."""
    names = {id(variable): name for name, variable in variable_names(model)}
    codes: dict[str, int] = {}
    for layer in normalizations(model):
        mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
        least = float((variance + layer.epsilon).min())
        if not least > 0:  # of a training that went wrong
            continue
        codes[names[id(layer.moving_mean)]] = _code(GRID * np.sqrt(least), mean)
        codes[names[id(layer.moving_variance)]] = _code(2 * GRID * least, variance)
    return codes


def _code(step: float, values: np.ndarray) -> int:
    return step_code_at_most(max(step, FINEST * float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))))


def on_grid(values: np.ndarray, code: int) -> np.ndarray:
    """The nearest multiples of a step, float32.

    Raises:
        NonFiniteError: a statistic is not finite.
    """
    return from_symbols(to_symbols(values, code), code)


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))
