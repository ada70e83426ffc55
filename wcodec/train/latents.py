"""The trained form of one weight: latents and steps, in place of the weight itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from ..errors import naming
from ..factorizations import FactoredWeight, Factorization
from ..quantize import from_symbols, step_values, to_symbols
from .pace import Clock
from .penalty import Penalty, power_law
from .rates import CodeLength, Logistic
from .rounding import LearnedStep, StepRange, round_straight_through

AddVariable = Callable[..., keras.Variable]


class LatentWeight:
    """Variables that stand for one weight: a latent a factor and, where it is quantized, its step.

    `effective` is the weight as training sees it, `decoded` as a decoder does; both reconstruct it from rounded
    factors by the same code. Integer factors (an index, a mask) are held fixed and stored as they are.

    Attributes:
        name: of the weight in the model.
        factorization: says which factors there are and what weight they make.
        latents: factor name -> variable of the factor's shape.
        steps: factor name -> learned step, shape () or of size 1 along the axes that share one.
        penalties: factor name -> what training pays for it.
        code_lengths: factor name -> its prices, where the penalty is the length of a code.
        scales: factor name -> logarithm of the scale of its prior, where there is one.
    """

    def __init__(
        self,
        name: str,
        factorization: Factorization,
        add_variable: AddVariable,
        *,
        initial_log_step: float,
        step_rate: float,
        penalty_weight: float,
        alpha: float,
        clock: Clock | None = None,
        one_step: bool = False,
        rate: str = "power_law",
    ) -> None:
        self.name = name
        self.factorization = factorization
        self.latents: dict[str, keras.Variable] = {}
        self.steps: dict[str, LearnedStep] = {}
        self.penalties: dict[str, Penalty] = {}
        self.code_lengths: dict[str, CodeLength] = {}
        self.scales: dict[str, keras.Variable] = {}
        prefix = name.replace("/", "-").replace(".", "_")  # Keras forbids the one in names, torch the other
        for factor, shape in factorization.factor_shapes.items():
            if factor in factorization.integer_factors:
                self.latents[factor] = add_variable(
                    shape=shape, dtype="int32", initializer="zeros", trainable=False, name=f"{prefix}-{factor}"
                )
                continue
            log_step = add_variable(
                shape=_step_shape(shape, () if one_step else factorization.step_axes.get(factor, ())),
                initializer=keras.initializers.Constant(initial_log_step / step_rate),
                constraint=StepRange(step_rate),
                name=f"{prefix}-{factor}_log_step",
            )
            step = self.steps[factor] = LearnedStep(log_step, step_rate, clock.steps_move if clock else None)
            cost: Callable[[Any], Any] = partial(power_law, alpha=alpha)
            if rate == "code_length":
                self.code_lengths[factor] = CodeLength(shape, add_variable, f"{prefix}-{factor}")
                cost = self.code_lengths[factor].bits
            elif rate == "logistic":
                prior = Logistic(add_variable, f"{prefix}-{factor}")
                self.scales[factor] = prior.log_scale
                cost = prior.bits
            penalty = self.penalties[factor] = Penalty(cost, step, penalty_weight, clock.penalty if clock else None)
            self.latents[factor] = add_variable(
                shape=shape, initializer="zeros", regularizer=penalty, name=f"{prefix}-{factor}"
            )

    def fit(self, weight: np.ndarray) -> None:
        """Set the latents to the factors of a weight, float32 of the factorization's shape."""
        self.start(self.factorization.fit(np.asarray(weight, np.float32)))

    def start(self, factors: Mapping[str, np.ndarray]) -> None:
        """Set the latents to these factors."""
        for factor, value in factors.items():
            self.latents[factor].assign(value)

    def effective(self) -> Any:
        """The weight made of rounded latents: a float32 tensor with gradients for latents and steps."""
        factors: dict[str, Any] = {}
        for factor, latent in self.latents.items():
            if factor in self.steps:
                step = self.steps[factor].value()
                factors[factor] = round_straight_through(latent / step) * step
            else:
                factors[factor] = keras.ops.convert_to_tensor(latent)
        return self.factorization.reconstruct(factors, xp=keras.ops)

    def factored(self) -> FactoredWeight:
        """Rounded latents as numpy factors and steps as integer codes: what the encoder takes.

        Rounded here as training rounds, in float32: weights that are pulled both ways come to rest on the edge between
        two symbols, where another precision would round some of them to the other side.
        """
        codes = {factor: step.codes() for factor, step in self.steps.items()}
        return FactoredWeight(self.factorization, {k: self._rounded(k, codes.get(k)) for k in self.latents}, codes)

    def _rounded(self, factor: str, codes: np.ndarray | None) -> np.ndarray:
        latent = np.asarray(keras.ops.convert_to_numpy(self.latents[factor]))
        if codes is None:
            return latent
        steps = step_values(codes)
        return np.asarray(np.round(latent / steps) * steps)

    def cost(self, rounded: bool = False) -> float:
        """What the penalties charge for the latents, without the penalty's weight: nats or bits, as the rate has it.

        `rounded`: for the symbols instead, which is what a file holds.
        """
        total = 0.0
        for factor, penalty in self.penalties.items():
            in_steps = self.latents[factor] / self.steps[factor].value()
            cost = penalty.cost(keras.ops.round(in_steps) if rounded else in_steps)
            total += float(keras.ops.convert_to_numpy(cost))
        return total

    def symbols(self) -> dict[str, np.ndarray]:
        """Factor name -> int32 array as it is coded.

        Raises:
            WczError: a latent is not finite or too large for its step; the error names the weight.
        """
        factored = self.factored()
        with naming(self.name):
            return {
                factor: to_symbols(value, factored.step_codes[factor]) if factor in factored.step_codes else value
                for factor, value in factored.factors.items()
            }

    def decoded(self) -> np.ndarray:
        """The weight that a decoder reconstructs, bit for bit: float32, the factorization's shape."""
        codes = self.factored().step_codes
        factors = {
            factor: from_symbols(value, codes[factor]) if factor in codes else value
            for factor, value in self.symbols().items()
        }
        return np.asarray(self.factorization.reconstruct(factors))


def _step_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the steps of a factor: its own extents along `axes`, 1 elsewhere; () where one step serves all."""
    return tuple(n if axis in axes else 1 for axis, n in enumerate(shape)) if axes else ()
