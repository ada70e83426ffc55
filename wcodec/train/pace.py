"""How a training run changes as it goes: learning rate, pressure of the penalty, and when steps stand still."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from ..errors import OptionError


@keras.saving.register_keras_serializable("wcodec")
class WarmUpCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` over the first batches, then half a cosine down to 0.

    Loshchilov and Hutter, "SGDR" (2017, arXiv:1608.03983), without restarts.
    """

    def __init__(self, peak: float, batches: int, warm_up: float = 0.03) -> None:
        """`batches` in all, the share `warm_up` of them rising."""
        self.peak = peak
        self.batches = batches
        self.warm_up = warm_up

    def __call__(self, step: Any) -> Any:
        ops = keras.ops
        done = ops.cast(step, "float32") / max(self.batches, 1)
        falling = 0.5 + 0.5 * ops.cos(math.pi * ops.clip((done - self.warm_up) / (1.0 - self.warm_up), 0.0, 1.0))
        rising = (done + 1.0 / max(self.batches, 1)) / max(self.warm_up, 1e-9)
        return self.peak * ops.where(done < self.warm_up, ops.minimum(rising, 1.0), falling)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"peak": self.peak, "batches": self.batches, "warm_up": self.warm_up}


@dataclass(frozen=True)
class Pace:
    """When a compressible model does what, in training batches.

    A penalty at full strength from the start keeps weights at zero that the network would need: it is ramped. Steps
    that stand still while the last weights settle are steps that the file holds.

    Attributes:
        batches: of the whole run.
        ramp: share of the run in which the penalty rises linearly from 0 to its weight.
        hold_steps: share of the run after which steps no longer change.
    """

    batches: int
    ramp: float = 0.3
    hold_steps: float = 0.85

    def __post_init__(self) -> None:
        if self.batches < 1:
            raise OptionError(f"a pace is of at least one batch, not {self.batches}")
        if not (0 <= self.ramp <= 1 and 0 <= self.hold_steps <= 1):
            raise OptionError("ramp and hold_steps are shares of the run, 0 to 1")


class Clock:
    """Counts training batches in a variable of the model and tells what the pace says of them.

    Attributes:
        pace: what is due when.
        batches: float32 variable, batches trained on.
        pressure: float32 variable, a factor of the penalty that a controller may set between epochs.
    """

    def __init__(self, pace: Pace, add_variable: Callable[..., keras.Variable]) -> None:
        self.pace = pace
        self.batches = add_variable(shape=(), initializer="zeros", trainable=False, name="clock_batches")
        self.pressure = add_variable(shape=(), initializer="ones", trainable=False, name="clock_pressure")

    def tick(self) -> None:
        """One more batch."""
        self.batches.assign(self.batches + 1.0)

    def penalty(self) -> Any:
        """Factor of the penalty now, a scalar."""
        rising = max(self.pace.ramp * self.pace.batches, 1.0)
        return self.pressure * keras.ops.minimum(self.batches / rising, 1.0)

    def steps_move(self) -> Any:
        """1 while steps are learned, 0 once they are held."""
        return keras.ops.cast(self.batches < self.pace.hold_steps * self.pace.batches, "float32")
