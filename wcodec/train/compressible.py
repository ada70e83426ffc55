"""Any built Keras model, made compressible: entropy-penalized reparameterization without a layer subclassed.

Oktay et al., "Scalable Model Compression by Entropy Penalized Reparameterization" (ICLR 2020, arXiv:1906.06624).
The wrapper owns latents and steps; every forward pass computes the weights from them and runs the model with these
in place of its own (keras.StatelessScope). So the model's layers need not know, and all backends work alike.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ..errors import OptionError, UnsupportedTypeError
from ..factorizations import FACTORIZATIONS, FactoredWeight, Factorization
from .estimate import EstimatedBytes, Prices, payload_nbytes
from .latents import LatentWeight
from .plan import FactorizationFactory, OwnedWeight, plan_factorizations
from .rates import coded_bits
from .rounding import HIGHEST_LOG_STEP, LOWEST_LOG_STEP
from .schedules import Clock, Pace
from .variables import variable_names

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
        model: built, on any backend; every trainable weight in it is given latents.
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
    weights = _trainable_weights(model)
    plan = plan_factorizations(weights, factorizations or {})
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
        latent_weight.fit(np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable.value, "float32"))))
    return wrapped


@keras.saving.register_keras_serializable("wcodec")
class CompressibleModel(keras.Model):
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
        name: str | None = None,
    ) -> None:
        """Latents of zero for the weights named in `factorizations`; see `compressible` for the rest."""
        _check_options(penalty_weight, alpha, initial_log_step, step_rate, rate)
        # The inner model's policy makes `compile` scale losses where it has to. autocast=False: latents stay float32
        # and inputs reach `inner` as they come.
        super().__init__(name=name or f"compressible_{inner.name}", dtype=inner.dtype_policy, autocast=False)
        self.inner = inner
        self.options: dict[str, Any] = {
            "penalty_weight": penalty_weight,
            "alpha": alpha,
            "initial_log_step": initial_log_step,
            "step_rate": step_rate,
            "weight_count": weight_count,
            "one_step": one_step,
            "rate": rate,
        }
        self.clock = None if pace is None else Clock(pace, self._add_float_or_index)
        variables = dict(variable_names(inner))
        count = weight_count or sum(math.prod(factorization.shape) for factorization in factorizations.values())
        self._latent_weights = {
            name: LatentWeight(
                name,
                factorization,
                self._add_float_or_index,
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
        self.built = True

    def _add_float_or_index(self, dtype: str = "float32", **kwargs: Any) -> keras.Variable:
        return self.add_weight(dtype=dtype, autocast=False, **kwargs)

    def latent_weights(self) -> list[tuple[LatentWeight, keras.Variable]]:
        """Each weight's trained form and the variable of `inner` that it stands for, in model order."""
        variables = dict(variable_names(self.inner))
        return [(weight, variables[name]) for name, weight in self._latent_weights.items()]

    # -- the forward pass ------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Outputs of the inner model on the weights that a decoder would have."""
        if training and self.clock is not None:
            self.clock.tick()
        effective = {id(v): weight.effective() for weight, v in self.latent_weights()}
        # Every variable is mapped: inside JAX's own scope an unmapped one would be baked in as a constant.
        variables = self.inner.variables
        scope = keras.StatelessScope(
            [(v, effective.get(id(v), v)) for v in variables], collect_losses=True, initialize_variables=False
        )
        before = {id(v): scope.get_current_value(v) for v in variables}
        with scope:
            outputs = self.inner(inputs, training=training)
        for v in variables:  # moving statistics, seed states
            after = scope.get_current_value(v)
            if after is not before[id(v)]:
                v.assign(after)
        for loss in scope.losses:
            self.add_loss(loss)
        for v in variables:
            if id(v) in effective and v.regularizer is not None:
                self.add_loss(v.regularizer(effective[id(v)]))
        return outputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: the inner model has set the masks of its outputs itself."""
        return None

    # -- what is trained -------------------------------------------------------------------------------------------

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Latents, log_steps and the trainable variables of `inner` that have no latents."""
        return [v for v in super().trainable_variables if id(v) not in self._replaced]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The same as `trainable_variables`."""
        return [v for v in super().trainable_weights if id(v) not in self._replaced]

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """All other variables, seed states included."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """All other weights."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trainable]

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As keras.Model.compile; weight decay is kept off the log_steps."""
        super().compile(*args, **kwargs)
        _exclude_from_weight_decay(
            self.optimizer,
            [step.variable for weight in self._latent_weights.values() for step in weight.steps.values()],
            self.trainable_variables,
        )

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """As keras.Model's, which steps aside where `compile` is overridden."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """As keras.Model.fit; every epoch logs `estimated_nbytes`."""
        bound = inspect.signature(super().fit).bind(*args, **kwargs)
        given = bound.arguments.get("callbacks")
        if not isinstance(given, keras.callbacks.CallbackList):
            bound.arguments["callbacks"] = [EstimatedBytes(), Prices(), *keras.tree.flatten(given or [])]
        return super().fit(*bound.args, **bound.kwargs)

    # -- what comes out --------------------------------------------------------------------------------------------

    def factored_weights(self) -> dict[str, FactoredWeight | np.ndarray]:
        """Name -> what the encoder takes, in the order of the inner model's weights.

        A weight with latents is a FactoredWeight; one without, or a moving statistic, an array.
        """
        return {
            name: self._latent_weights[name].factored()
            if name in self._latent_weights
            else np.asarray(keras.ops.convert_to_numpy(variable))
            for name, variable in variable_names(self.inner)
        }

    def estimated_nbytes(self) -> int:
        """Bytes of the weights that have latents under the Elias gamma code, steps included, nothing around them."""
        return sum(payload_nbytes(weight) for weight in self._latent_weights.values())

    def snap_steps(self) -> None:
        """Set every step to the middle of its code: what moves it afterwards has to move it by 2 %."""
        for weight in self._latent_weights.values():
            for step in weight.steps.values():
                step.snap()

    def cost(self) -> float:
        """What the penalty charges for now, without its weight and schedule: nats of the power law, bits of a rate."""
        return sum(weight.cost() for weight in self._latent_weights.values())

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
            "factorizations": {
                name: {"kind": weight.factorization.kind, **dataclasses.asdict(weight.factorization)}
                for name, weight in self._latent_weights.items()
            },
            "pace": None if self.clock is None else dataclasses.asdict(self.clock.pace),
            **self.options,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> CompressibleModel:
        """The wrapper as `get_config` described it, with latents of zero; loading a file fills them in."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"), custom_objects=custom_objects)
        plan = {name: _factorization_from(fields) for name, fields in config.pop("factorizations").items()}
        pace = config.pop("pace", None)
        return cls(inner, plan, pace=None if pace is None else Pace(**pace), **config)


def _factorization_from(fields: Mapping[str, Any]) -> Factorization:
    parameters = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    kind = parameters.pop("kind")
    if kind not in FACTORIZATIONS:
        raise UnsupportedTypeError(f"factorization {kind!r} is not registered in this process")
    return FACTORIZATIONS[kind](**parameters)


def _trainable_weights(model: keras.Model) -> list[OwnedWeight]:
    """The trainable weights of a model in order, each with the innermost layer that owns it."""
    if not isinstance(model, keras.Model):
        raise UnsupportedTypeError(f"compressible takes a Keras model, not {type(model).__name__}")
    if not model.built:
        raise UnsupportedTypeError("the model is not built: give it an Input, call build(), or call it on data once")
    # Parents come before their sublayers, so that the innermost layer is entered last.
    owners = {id(v): layer for layer in model._flatten_layers() for v in layer.weights}
    weights = [OwnedWeight(name, v, owners[id(v)]) for name, v in variable_names(model) if v.trainable]
    if not weights:
        raise UnsupportedTypeError("the model has no trainable weights")
    return weights


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


def _exclude_from_weight_decay(
    optimizer: keras.Optimizer, log_steps: list[keras.Variable], trainable: list[keras.Variable]
) -> None:
    """Add `log_steps` to the variables that the optimizer exempts from weight decay already."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # under loss scaling
    if all(not optimizer._use_weight_decay(v) for v in log_steps):
        return
    # The public call replaces what the user has excluded, so that is read first.
    excluded = [v for v in trainable if not optimizer._use_weight_decay(v)]
    optimizer.exclude_from_weight_decay(var_list=[*excluded, *log_steps])
