"""Rounding that training can learn through: symbols and steps as the decoder has them, gradients as if unrounded.

Straight-through estimator (Bengio et al., 2013, arXiv:1308.3432): the forward pass rounds, the backward pass sees the
identity. A step is learned as its natural logarithm; the step *code* is rounded first and the step is then looked up,
so that training, finalize and a decoder multiply by the same float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..quantize import CODES_PER_OCTAVE, OCTAVE_BIAS, step_values

# Steps in training: 2**-20 to 2**4. The penalty pushes the step of an all-zero tensor up without end, so there is one.
LOWEST_CODE = 0
HIGHEST_CODE = 24 * CODES_PER_OCTAVE
STEPS = step_values(np.arange(LOWEST_CODE, HIGHEST_CODE + 1))

CODES_PER_NAT = CODES_PER_OCTAVE / math.log(2.0)
LOWEST_LOG_STEP = (LOWEST_CODE / CODES_PER_OCTAVE - OCTAVE_BIAS) * math.log(2.0)
HIGHEST_LOG_STEP = (HIGHEST_CODE / CODES_PER_OCTAVE - OCTAVE_BIAS) * math.log(2.0)


def round_straight_through(x: Any) -> Any:
    """Round a tensor of any shape, ties to even; the gradient is that of `x`."""
    return x + keras.ops.stop_gradient(keras.ops.round(x) - x)


def step_codes(log_step: Any, xp: Any = np) -> Any:
    """Nearest step codes of natural logarithms of steps: integers, same shape; `xp` is numpy or keras.ops."""
    nearest = xp.round(log_step * CODES_PER_NAT + CODES_PER_OCTAVE * OCTAVE_BIAS)
    codes = xp.clip(nearest, LOWEST_CODE, HIGHEST_CODE)
    if xp is np:
        return np.nan_to_num(codes).astype(np.int32)
    return xp.clip(xp.cast(codes, "int32"), LOWEST_CODE, HIGHEST_CODE)  # NaN is a number after the cast: any


def learned_step(log_step: Any) -> Any:
    """The exact step of the nearest code, same shape as `log_step`; its gradient is that of exp(log_step)."""
    ops = keras.ops
    smooth = ops.exp(log_step)
    exact = ops.take(STEPS, step_codes(log_step, ops) - LOWEST_CODE)
    # Both lie within a factor of two, so their difference and the sum below are exact in float32 (Sterbenz).
    return smooth + ops.stop_gradient(exact - smooth)


class StepRange(keras.constraints.Constraint):
    """Keeps the variable of a LearnedStep within the steps of training after every update."""

    def __init__(self, rate: float) -> None:
        self.lowest = LOWEST_LOG_STEP / rate
        self.highest = HIGHEST_LOG_STEP / rate

    def __call__(self, value: Any) -> Any:
        return keras.ops.clip(value, self.lowest, self.highest)


class LearnedStep:
    """A quantization step in training.

    The variable holds log_step / rate. An optimizer of Adam's kind moves each variable by about its learning rate,
    so the log_step moves `rate` times as fast as the latents. `gate` says how much of its gradient it sees: 0 holds it.
    """

    def __init__(self, variable: keras.Variable, rate: float, gate: Callable[[], Any] | None = None) -> None:
        self.variable = variable
        self.rate = rate
        self.gate = gate

    def value(self) -> Any:
        """The exact step, with a gradient."""
        step = learned_step(self.variable * self.rate)
        if self.gate is None:
            return step
        constant = keras.ops.stop_gradient(step)
        return constant + self.gate() * (step - constant)

    def snap(self) -> None:
        """Set the variable to the middle of its step code, from where small drifts change nothing."""
        log_step = (self.codes() / CODES_PER_OCTAVE - OCTAVE_BIAS) * math.log(2.0)
        self.variable.assign(log_step / self.rate)

    def codes(self) -> np.ndarray:
        """Its integer code: int32, the shape of the variable."""
        scaled = np.asarray(keras.ops.convert_to_numpy(self.variable)) * np.float32(self.rate)
        return np.asarray(step_codes(scaled))
