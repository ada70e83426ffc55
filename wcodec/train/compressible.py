"""Any built Keras model, made compressible: entropy-penalized reparameterization without a layer subclassed.

Oktay et al., "Scalable Model Compression by Entropy Penalized Reparameterization" (ICLR 2020, arXiv:1906.06624).
The wrapper owns latents and steps; every forward pass computes the weights from them (`wrapper.Wrapper`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from ..errors import OptionError
from ..factorizations import Dense, FactoredWeight, Factorization
from ..factorizations.factory import FactorizationFactory
from .estimate import EstimatedBytes, Prices, payload_nbytes
from .latents import LatentWeight
from .optimizers import exempt_from_decay
from .pace import Clock, Pace
from .plan import from_config, literal, plan_factorizations, to_config
from .rates import coded_bits
from .rounding import HIGHEST_LOG_STEP, LOWEST_LOG_STEP
from .statistics import on_grid, reestimate_statistics, statistic_codes
from .variables import variable_names
from .wrapper import Wrapper, trainable_weights_of

RATES = ("power_law", "code_length", "logistic")


def compressible(
    model: keras.Model,
    penalty_weight: float = 2.0,
    *,
    alpha: float = 0.01,
    initial_log_step: float = -4.0,
    step_rate: float = 1.0,
    factorizations: Mapping[str, FactorizationFactory | None] | None = None,
    pace: Pace | None = None,
    weight_count: int | None = None,
    one_step: bool = False,
    rate: str = "power_law",
) -> CompressibleModel:
    """Wrap a built model so that `fit` trains it for a small file as well as for its loss.

    Compile and fit the result as any Keras model, then `wcodec.encode` it, or `finalize()` it. It takes `model` over:
    moving statistics change in training, `finalize` writes its weights; to keep the original, wrap a clone.

    Args:
        model: built, on any backend; every trainable weight in it is given latents. Of a CompressionOperator, a
            PrunedModel or a CompressibleModel the factors train on as latents, where `factorizations` does not differ.
        penalty_weight: lambda, the weight of the penalty in the loss; it is divided by the number of weights that
            have latents, so that one value serves models of any size.
        alpha: of the power-law penalty, the magnitude (in steps) below which a latent costs little.
        initial_log_step: natural logarithm of the step that training starts with.
        step_rate: learning rate of the logarithms of steps over that of the latents, under an optimizer of Adam's
            kind. Above 1, a short training reaches coarser steps and smaller files.
        factorizations: name pattern ("conv*/kernel") -> function from a shape to a factorization, or None to train
            a weight as it is. Default: Rdft for convolution kernels, Dense for the rest.
        pace: ramps the penalty and holds the steps late in training; without it both are as they are from the start.
        weight_count: to divide `penalty_weight` by, where it is not the number of weights that have latents: for
            what is left of a larger network.
        one_step: a single step for every factor; by default Rdft has one a frequency, which small networks do not
            pay for.
        rate: what the penalty charges for: "power_law", "code_length" (bits under our own coder, with prices that
            every epoch renews) or "logistic" (bits under a logistic prior whose scale is learned).

    Raises:
        UnsupportedTypeError: not a Keras model, not built, or a weight that cannot have latents.
        OptionError: an option out of range, or a pattern that matches no weight.
        DuplicateNameError: two weights have the same name.
    """
    found: dict[str, FactoredWeight] = {}
    if isinstance(model, Wrapper):
        found = {name: value for name, value in model.factored_weights().items() if isinstance(value, FactoredWeight)}
        model = model.finalize()
    weights = trainable_weights_of(model, "compressible")
    overrides = dict(factorizations or {})
    for name, weight in found.items():  # after the caller's patterns, which go first
        overrides.setdefault(literal(name), weight.factorization)
    plan = plan_factorizations(weights, overrides)
    if not plan:
        raise OptionError("factorizations leaves no weight with latents")
    wrapped = CompressibleModel(
        model,
        plan,
        penalty_weight=penalty_weight,
        alpha=alpha,
        initial_log_step=initial_log_step,
        step_rate=step_rate,
        pace=pace,
        weight_count=weight_count,
        one_step=one_step,
        rate=rate,
    )
    for latent_weight, variable in wrapped.latent_weights():
        known = found.get(latent_weight.name)
        if known is not None and known.factorization == latent_weight.factorization:
            latent_weight.start(known.factors)
        else:
            latent_weight.fit(np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable.value, "float32"))))
    return wrapped


@keras.saving.register_keras_serializable("wcodec")
class CompressibleModel(Wrapper):
    """A model whose weights are functions of trained latents; made by `compressible`.

    The weights of `inner` that have latents hold no state of their own: their values are those of the last `finalize`.
    """

    def __init__(
        self,
        inner: keras.Model,
        factorizations: Mapping[str, Factorization],
        *,
        penalty_weight: float,
        alpha: float,
        initial_log_step: float,
        step_rate: float,
        pace: Pace | None = None,
        weight_count: int | None = None,
        one_step: bool = False,
        rate: str = "power_law",
        statistic_codes: Mapping[str, int] | None = None,
        name: str | None = None,
    ) -> None:
        """Latents of zero for the weights named in `factorizations`; see `compressible` for the rest.

        `statistic_codes` are those of an earlier `settle_statistics`.
        """
        _check_options(penalty_weight, alpha, initial_log_step, step_rate, rate)
        super().__init__(inner, name or f"compressible_{inner.name}")
        self.options: dict[str, Any] = {
            "penalty_weight": penalty_weight,
            "alpha": alpha,
            "initial_log_step": initial_log_step,
            "step_rate": step_rate,
            "weight_count": weight_count,
            "one_step": one_step,
            "rate": rate,
            "statistic_codes": dict(statistic_codes or {}),
        }
        self.clock = None if pace is None else Clock(pace, self.add_float_or_index)
        variables = dict(variable_names(inner))
        count = weight_count or sum(math.prod(factorization.shape) for factorization in factorizations.values())
        self._latent_weights = {
            name: LatentWeight(
                name,
                factorization,
                self.add_float_or_index,
                initial_log_step=initial_log_step,
                step_rate=step_rate,
                penalty_weight=penalty_weight / max(count, 1),
                alpha=alpha,
                clock=self.clock,
                one_step=one_step,
                rate=rate,
            )
            for name, factorization in factorizations.items()
        }
        self._replaced = {id(variables[name]) for name in factorizations}

    def latent_weights(self) -> list[tuple[LatentWeight, keras.Variable]]:
        """Each weight's trained form and the variable of `inner` that it stands for, in model order."""
        variables = dict(variable_names(self.inner))
        return [(weight, variables[name]) for name, weight in self._latent_weights.items()]

    def effective_weights(self) -> list[tuple[keras.Variable, Any]]:
        """The weights that a decoder would have."""
        return [(v, weight.effective()) for weight, v in self.latent_weights()]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Outputs of the inner model on the weights that a decoder would have."""
        if training and self.clock is not None:
            self.clock.tick()
        return super().call(inputs, training)

    def replaced(self) -> set[int]:
        """The weights that have latents."""
        return self._replaced

    # -- training --------------------------------------------------------------------------------------------------

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As keras.Model.compile; weight decay is kept off the log_steps."""
        super().compile(*args, **kwargs)
        exempt_from_decay(
            self.optimizer,
            [step.variable for weight in self._latent_weights.values() for step in weight.steps.values()],
            self.trainable_variables,
        )

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """One that logs `estimated_nbytes` every epoch, one that renews prices."""
        return [EstimatedBytes(), Prices()]

    # -- what comes out --------------------------------------------------------------------------------------------

    def factored_weights(self) -> dict[str, FactoredWeight | np.ndarray]:
        """Name -> what the encoder takes, in the order of the inner model's weights.

        A weight with latents is a FactoredWeight; one without, or a moving statistic, an array.
        """
        return {
            name: self._latent_weights[name].factored()
            if name in self._latent_weights
            else self._as_stored(name, np.asarray(keras.ops.convert_to_numpy(variable)))
            for name, variable in variable_names(self.inner)
        }

    def _as_stored(self, name: str, value: np.ndarray) -> FactoredWeight | np.ndarray:
        """A weight without latents: on its grid if it has been settled and has not moved since."""
        code = self.options["statistic_codes"].get(name)
        if code is None or not np.isfinite(value).all() or not np.array_equal(on_grid(value, code), value):
            return value
        return FactoredWeight(Dense(value.shape), {"weight": value}, {"weight": np.asarray(code, np.int32)})

    def estimated_nbytes(self) -> int:
        """Bytes of the weights that have latents under the Elias gamma code, steps included, nothing around them."""
        return sum(payload_nbytes(weight) for weight in self._latent_weights.values())

    def snap_steps(self) -> None:
        """Set every step to the middle of its code: what moves it afterwards has to move it by 2 %."""
        for weight in self._latent_weights.values():
            for step in weight.steps.values():
                step.snap()

    def settle_statistics(self, batches: Iterable[Any] = ()) -> None:
        """Measure the moving statistics of batch normalizations again and round them to a grid, which a file keeps.

        To be called once, after training: `finalize()` is then what a decoder has, normalizations included.

        Args:
            batches: inputs to measure on, (batch, ...) each; none rounds the statistics as they are.

        Raises:
            NonFiniteError: a weight or a statistic is not finite.
        """
        inner = self.finalize()
        reestimate_statistics(inner, batches)
        self.options["statistic_codes"] = codes = statistic_codes(inner)
        for name, variable in variable_names(inner):
            if name in codes:
                variable.assign(on_grid(np.asarray(keras.ops.convert_to_numpy(variable)), codes[name]))

    def cost(self, rounded: bool = False) -> float:
        """What the penalty charges for now, without its weight and schedule: nats of the power law, bits of a rate.

        `rounded`: for the symbols, which a file holds, and not for the latents between them.
        """
        return sum(weight.cost(rounded) for weight in self._latent_weights.values())

    def refresh_prices(self) -> None:
        """Set the prices of the rate `code_length` to what the coder takes for the symbols as they are."""
        priced = [(w, f) for w in self._latent_weights.values() for f in w.code_lengths]
        if not priced:
            return
        symbols = [weight.symbols()[factor] for weight, factor in priced]
        for (weight, factor), values, nbits in zip(priced, symbols, coded_bits(symbols), strict=True):
            weight.code_lengths[factor].refresh(values, nbits)

    def finalize(self) -> keras.Model:
        """The plain model, the very one that was wrapped, with the weights that a decoder reconstructs, bit for bit.

        Raises:
            NonFiniteError: training diverged; the error names the weight and no weight is changed.
        """
        decoded = [(variable, weight.decoded()) for weight, variable in self.latent_weights()]
        for variable, value in decoded:
            variable.assign(value)
        return self.inner

    # -- .keras files ----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The inner model, the options, and of each factorization its kind and fields."""
        return {
            "name": self.name,
            "inner": keras.saving.serialize_keras_object(self.inner),
            "factorizations": {name: to_config(weight.factorization) for name, weight in self._latent_weights.items()},
            "pace": None if self.clock is None else dataclasses.asdict(self.clock.pace),
            **self.options,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> CompressibleModel:
        """The wrapper as `get_config` described it, with latents of zero; loading a file fills them in."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"), custom_objects=custom_objects)
        plan = {name: from_config(fields) for name, fields in config.pop("factorizations").items()}
        pace = config.pop("pace", None)
        return cls(inner, plan, pace=None if pace is None else Pace(**pace), **config)


def _check_options(penalty_weight: float, alpha: float, initial_log_step: float, step_rate: float, rate: str) -> None:
    if rate not in RATES:
        raise OptionError(f"rate is one of {', '.join(RATES)}, not {rate!r}")
    if not 0 <= penalty_weight < math.inf:
        raise OptionError(f"penalty_weight is a finite number >= 0, not {penalty_weight!r}")
    if not 0 < alpha < math.inf:
        raise OptionError(f"alpha is a finite number > 0, not {alpha!r}")
    if not 0 < step_rate < math.inf:
        raise OptionError(f"step_rate is a finite number > 0, not {step_rate!r}")
    if not LOWEST_LOG_STEP <= initial_log_step <= HIGHEST_LOG_STEP:
        bounds = f"{LOWEST_LOG_STEP:.2f} to {HIGHEST_LOG_STEP:.2f}"
        raise OptionError(f"initial_log_step is {bounds} (a natural logarithm), not {initial_log_step!r}")
