"""Hyperparameters of `fit_compressed`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import OptionError


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of `fit_compressed`; the defaults are those of a study on MNIST networks.

    Attributes:
        epochs: of the main run.
        batch_size: where data comes as arrays.
        penalty_weight: lambda, over the number of weights of the model; 10 is small, 50 is tiny.
        learning_rate: peak of the cosine.
        warm_up: share of the run in which the learning rate rises.
        ramp: share of the run in which the penalty rises.
        hold_steps: share of the run after which steps are held.
        alpha: of the power-law penalty.
        initial_log_step: natural logarithm of the first step.
        step_rate: how much faster steps learn than latents.
        one_step: a single step a factor, also where its factorization has one a frequency.
        rate: what the penalty charges for, as `compressible` takes it.
        remove_units: whether units that have died are taken out during training.
        statistics_batches: on how many batches the moving statistics of batch normalizations are measured again at
            the end; 0 leaves them as training had them.
        teacher_share: of a teacher's probabilities in the labels, where there is a teacher.
        refinements: passes over the data that `refine` may take at the end, with the real coder as judge; 0 for none.
        cycles: how many runs may follow to reach a target.
        cycle_epochs: epochs of such a run; one whose network is to grow begins anew and takes `epochs`.
    """

    epochs: int = 60
    batch_size: int = 128
    penalty_weight: float = 10.0
    learning_rate: float = 2e-3
    warm_up: float = 0.03
    ramp: float = 0.3
    hold_steps: float = 0.85
    alpha: float = 0.1
    initial_log_step: float = -3.0
    step_rate: float = 2.5
    one_step: bool = True
    rate: str = "power_law"
    remove_units: bool = True
    statistics_batches: int = 64
    teacher_share: float = 1.0
    refinements: int = 0
    cycles: int = 6
    cycle_epochs: int = 15

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.cycles < 0 or self.cycle_epochs < 1:
            raise OptionError("epochs, batch_size and cycle_epochs are at least 1, cycles at least 0")
        if self.statistics_batches < 0 or self.refinements < 0:
            raise OptionError("statistics_batches and refinements are at least 0")
        if not 0 <= self.penalty_weight < math.inf:
            raise OptionError(f"penalty_weight is a finite number >= 0, not {self.penalty_weight!r}")
        if not 0 < self.learning_rate < math.inf:
            raise OptionError(f"learning_rate is a finite number > 0, not {self.learning_rate!r}")


@dataclass(frozen=True)
class Target:
    """What a training is to reach: a size or an accuracy, the other as good as it gets.

    Attributes:
        nbytes: most bytes of the file, or None.
        accuracy: least accuracy on the validation data, or None.
    """

    nbytes: int | None = None
    accuracy: float | None = None

    @classmethod
    def of(cls, target: Target | int | float) -> Target:
        """An integer means bytes, a fraction between 0 and 1 an accuracy.

        Raises:
            OptionError: neither.
        """
        if isinstance(target, Target):
            return target
        if isinstance(target, int) and not isinstance(target, bool) and target > 0:
            return cls(nbytes=target)
        if isinstance(target, float) and 0 < target < 1:
            return cls(accuracy=target)
        raise OptionError(f"target is a number of bytes (1600) or an accuracy (0.98), not {target!r}")

    def met(self, nbytes: int, accuracy: float) -> bool:
        """Whether a point is there."""
        return (self.nbytes is None or nbytes <= self.nbytes) and (self.accuracy is None or accuracy >= self.accuracy)

    def slack(self, nbytes: int, accuracy: float) -> float:
        """How far beyond the target a point is, as the factor of size or error to play with; below 1 it is missed."""
        if self.nbytes is not None:
            return self.nbytes / nbytes
        return (1 - (self.accuracy or 0.0)) / max(1 - accuracy, 1e-6)
