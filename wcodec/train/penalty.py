"""What training pays for a latent: a power-law penalty matched to the length of its code.

Balle et al., "Optimizing the Communication-Accuracy Trade-off in Federated Learning with Rate-Distortion Theory"
(2022, arXiv:2201.02664); the same number as the penalty of PowerLawEntropyModel in TensorFlow Compression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from .rounding import LearnedStep


def power_law(latent: Any, alpha: float) -> Any:
    """Sum over the elements of log((|latent| + alpha) / alpha), a scalar in nats; `latent` is in units of the step."""
    ops = keras.ops
    return ops.sum(ops.log(ops.abs(latent) * (1.0 / alpha) + 1.0))


class Penalty(keras.regularizers.Regularizer):
    """Regularizer of one latent: weight * cost(latent / step), times what a schedule says.

    A regularizer is counted once a training step, however often a shared layer is called.
    """

    def __init__(
        self,
        cost: Callable[[Any], Any],
        step: LearnedStep,
        weight: float,
        factor: Callable[[], Any] | None = None,
    ) -> None:
        """`cost` maps a latent in units of its step to a scalar; `factor` is of a schedule."""
        self.cost = cost
        self.step = step
        self.weight = weight
        self.factor = factor

    def __call__(self, latent: Any) -> Any:
        penalty = self.weight * self.cost(latent / self.step.value())
        return penalty if self.factor is None else self.factor() * penalty
