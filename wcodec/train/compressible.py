"""Any built Keras model, made compressible: entropy-penalized reparameterization without a layer subclassed.

Oktay et al., "Scalable Model Compression by Entropy Penalized Reparameterization" (ICLR 2020, arXiv:1906.06624).
The wrapper owns latents and steps; every forward pass computes the weights from them (`wrapper.Wrapper`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from ..errors import OptionError
from ..factorizations import FactoredWeight, Factorization
from .estimate import EstimatedBytes, payload_nbytes
from .latents import LatentWeight
from .optimizers import exempt_from_decay
from .plan import FactorizationFactory, from_config, plan_factorizations, to_config
from .rounding import HIGHEST_LOG_STEP, LOWEST_LOG_STEP
from .variables import variable_names
from .wrapper import Wrapper, trainable_weights_of


def compressible(
    model: keras.Model,
    penalty_weight: float = 2.0,
    *,
    alpha: float = 0.01,
    initial_log_step: float = -4.0,
    step_rate: float = 1.0,
    factorizations: Mapping[str, FactorizationFactory | None] | None = None,
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

    Raises:
        UnsupportedTypeError: not a Keras model, not built, or a weight that cannot have latents.
        OptionError: an option out of range, or a pattern that matches no weight.
        DuplicateNameError: two weights have the same name.
    """
    weights = trainable_weights_of(model, "compressible")
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
    )
    for latent_weight, variable in wrapped.latent_weights():
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
        name: str | None = None,
    ) -> None:
        """Latents of zero for the weights named in `factorizations`; see `compressible` for the rest."""
        _check_options(penalty_weight, alpha, initial_log_step, step_rate)
        super().__init__(inner, name or f"compressible_{inner.name}")
        self.options = {
            "penalty_weight": penalty_weight,
            "alpha": alpha,
            "initial_log_step": initial_log_step,
            "step_rate": step_rate,
        }
        variables = dict(variable_names(inner))
        count = sum(math.prod(factorization.shape) for factorization in factorizations.values())
        self._latent_weights = {
            name: LatentWeight(
                name,
                factorization,
                self.add_float_or_index,
                initial_log_step=initial_log_step,
                step_rate=step_rate,
                penalty_weight=penalty_weight / max(count, 1),
                alpha=alpha,
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
        """One that logs `estimated_nbytes` every epoch."""
        return [EstimatedBytes()]

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
            **self.options,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> CompressibleModel:
        """The wrapper as `get_config` described it, with latents of zero; loading a file fills them in."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"), custom_objects=custom_objects)
        plan = {name: from_config(fields) for name, fields in config.pop("factorizations").items()}
        return cls(inner, plan, **config)


def _check_options(penalty_weight: float, alpha: float, initial_log_step: float, step_rate: float) -> None:
    if not 0 <= penalty_weight < math.inf:
        raise OptionError(f"penalty_weight is a finite number >= 0, not {penalty_weight!r}")
    if not 0 < alpha < math.inf:
        raise OptionError(f"alpha is a finite number > 0, not {alpha!r}")
    if not 0 < step_rate < math.inf:
        raise OptionError(f"step_rate is a finite number > 0, not {step_rate!r}")
    if not LOWEST_LOG_STEP <= initial_log_step <= HIGHEST_LOG_STEP:
        bounds = f"{LOWEST_LOG_STEP:.2f} to {HIGHEST_LOG_STEP:.2f}"
        raise OptionError(f"initial_log_step is {bounds} (a natural logarithm), not {initial_log_step!r}")
