"""The matrix-compression operator: weights that become their factors while the model trains.

Panigrahy, "Matrix Compression Operator" (TensorFlow blog, 2020) and google-research's graph_compression, on any Keras 3
model and backend. A weight A trains as usual; at a step it is factored, and the model runs on
W = alpha * A + (1 - alpha) * reconstruct(factors) with alpha stepping down to exactly 0; from then on the factors train
on alone and A is gone, from the optimizer and from memory. What goes into the file is the factors.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any, NamedTuple

import keras
import numpy as np

from ..errors import FactorizationError, OptionError, UnfinishedError
from ..factorizations import FactoredWeight, Factorization
from ..factorizations.factory import FactorizationFactory
from .factors import FactorVariables
from .optimizers import rebuilt
from .plan import dense_by_default, from_config, literal, plan_factorizations, to_config
from .schedules import AlphaSchedule
from .storage import dense_form_gone, is_released, release, restore, without
from .variables import variable_names
from .wrapper import Wrapper, trainable_weights_of

INTEGER_BITS = 8  # what an entry of an index or a mask is taken to cost at most, against 32 bits a float


class Phase(Enum):
    """What the model runs on and trains."""

    DENSE = "the weights themselves"
    MIXED = "a mean of the weights and the products of their factors"
    FACTORED = "the factors alone"


class ScheduleWarning(UserWarning):
    """Training stopped before its schedule was through."""


class OperatorRow(NamedTuple):
    """One weight under the operator: elements before and after, and their quotient either way."""

    name: str
    kind: str
    dense_elements: int
    factor_elements: int

    @property
    def ratio(self) -> float:
        """original / compressed, in elements; large is good."""
        return self.dense_elements / self.factor_elements

    @property
    def compressed_fraction(self) -> float:
        """compressed / original, in elements; small is good."""
        return self.factor_elements / self.dense_elements


@keras.saving.register_keras_serializable("wcodec")
class CompressionOperator(Wrapper):
    """A model some of whose weights turn into their factors by a schedule; compile and fit it as any Keras model.

    It takes `inner` over: that model trains, and while the factors stand alone its factored weights hold no values
    (`finalize` gives them back). `compile` again before using the optimizer that was given to it: whenever the set of
    trained variables changes, the operator makes an optimizer of the same configuration and state.

    Args:
        inner: built, on any backend.
        factorizations: name pattern ("dense*/kernel", as fnmatch) -> factorization, or function from a shape to one,
            or None to leave the weight dense; the first match counts, and what no pattern matches stays dense.
        schedule: of alpha.
        frozen: names of factors that are not trained ("left"); integer factors never are.

    Raises:
        UnsupportedTypeError: not a Keras model, not built, or a weight that has a constraint or no float dtype.
        OptionError: a pattern that matches no weight.
        FactorizationError: factors that hold more than the weight itself.
    """

    optimizer: Any  # Keras sets it in compile

    def __init__(
        self,
        inner: keras.Model,
        factorizations: Mapping[str, FactorizationFactory | None],
        schedule: AlphaSchedule | None = None,
        *,
        frozen: Collection[str] = (),
        name: str | None = None,
    ) -> None:
        weights = trainable_weights_of(inner, "CompressionOperator")
        plan = plan_factorizations(weights, factorizations, dense_by_default)
        if not plan:
            raise OptionError("factorizations leaves no weight to factor")
        for weight, factorization in plan.items():
            _refuse_growth(weight, factorization)
        super().__init__(inner, name or f"compressing_{inner.name}")
        self.schedule = schedule or AlphaSchedule()
        self._frozen = tuple(frozen)
        variables = dict(variable_names(inner))
        used = {factor for factorization in plan.values() for factor in factorization.factor_shapes}
        for factor in set(frozen) - used:
            raise OptionError(f"frozen: no factorization here has a factor {factor!r}; there are {sorted(used)}")
        self._factors = {
            weight: FactorVariables(
                weight, plan[weight], self.add_float_or_index, set(frozen) & set(plan[weight].factor_shapes)
            )
            for weight in plan
        }
        self._alpha = self.add_float_or_index(shape=(), initializer="ones", trainable=False, name="alpha")
        self._dense_ids = {id(variables[weight]) for weight in plan}
        self._factor_ids = {id(v) for factors in self._factors.values() for v in factors.variables.values()}
        self._step = 0
        self._phase = Phase.DENSE

    # -- what it runs on -------------------------------------------------------------------------------------------

    def factored_variables(self) -> list[tuple[FactorVariables, keras.Variable]]:
        """The factors of each weight under the operator and the variable of `inner` they stand for, in model order."""
        variables = dict(variable_names(self.inner))
        return [(factors, variables[name]) for name, factors in self._factors.items()]

    def effective_weights(self) -> list[tuple[keras.Variable, Any]]:
        """W = alpha * A + (1 - alpha) * reconstruct(factors), or the reconstruction alone."""
        if self._phase is Phase.DENSE:
            return []
        if self._phase is Phase.FACTORED:
            return [(v, factors.weight()) for factors, v in self.factored_variables()]
        alpha = keras.ops.convert_to_tensor(self._alpha)
        return [
            (v, alpha * keras.ops.cast(v, "float32") + (1.0 - alpha) * factors.weight())
            for factors, v in self.factored_variables()
        ]

    def replaced(self) -> set[int]:
        """Factors before they are used, dense weights once they are not."""
        return {Phase.DENSE: self._factor_ids, Phase.MIXED: set(), Phase.FACTORED: self._dense_ids}[self._phase]

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables that hold a value."""
        return without(self._gone(), super().variables)

    @property
    def weights(self) -> list[keras.Variable]:
        """All weights that hold a value."""
        return without(self._gone(), super().weights)

    def _gone(self) -> set[int]:
        return self._dense_ids if self._phase is Phase.FACTORED else set()

    # -- the schedule ----------------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """What the model runs on now."""
        return self._phase

    @property
    def step(self) -> int:
        """Training steps done."""
        return self._step

    @property
    def alpha(self) -> float:
        """Share of the dense weights in what the model runs on: schedule.alpha(step), in [0, 1]."""
        return self.schedule.alpha(self._step)

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """One that counts the steps of `fit` and logs alpha every epoch."""
        return [AlphaUpdate()]

    def advance(self, steps: int = 1) -> None:
        """Count training steps and do what the schedule says; `fit` calls it, a training loop of your own has to."""
        self._move_to(self._step + steps)

    def complete(self) -> None:
        """Jump to the end of the schedule: factor the weights if they are not yet, and drop the dense ones."""
        self._move_to(max(self._step, self.schedule.done))

    def _move_to(self, step: int) -> None:
        before, after = self.schedule.alpha(self._step), self.schedule.alpha(step)
        if after != before:
            self.fetch_state()
            if before == 1.0:
                for factors, v in self.factored_variables():
                    factors.fit(v)
            self._alpha.assign(after)
            self._enter(_phase_at(after))
        self._step = step

    def _enter(self, phase: Phase) -> None:
        """Change what is trained; the optimizer keeps the state of what stays."""
        if phase is self._phase:
            return
        self._restore_dense()
        before = self.trainable_variables
        self._phase = phase
        if getattr(self, "optimizer", None) is not None:
            if self.optimizer.built:
                self.optimizer = rebuilt(self.optimizer, before, self.trainable_variables)
            # The old functions were traced with the old variables.
            self.test_function = self.predict_function = None
            if self.train_function is not None:
                self.make_train_function(force=True)
        if phase is Phase.FACTORED:
            self._release_dense()

    def _release_dense(self) -> None:
        for factors, v in self.factored_variables():
            release(v, self, dense_form_gone(factors.name))

    def _restore_dense(self) -> None:
        """Zeros for the dense weights that have been released: a file of an earlier phase will assign them."""
        for _, v in self.factored_variables():
            if is_released(v):
                restore(v, self, np.zeros(v.shape, np.float32))

    # -- what comes out --------------------------------------------------------------------------------------------

    def report(self) -> list[OperatorRow]:
        """Elements of every weight under the operator, dense and factored; bytes are in the report of `encode`."""
        return [
            OperatorRow(name, f.factorization.kind, math.prod(f.factorization.shape), _elements(f.factorization))
            for name, f in self._factors.items()
        ]

    def factored_weights(self) -> dict[str, FactoredWeight | np.ndarray]:
        """Name -> what the encoder takes, in the order of the inner model's weights.

        Raises:
            UnfinishedError: alpha is not 0 yet, so that the factors are not what the model runs on.
        """
        self._require_factored()
        return {
            name: self._factors[name].factored() if name in self._factors else keras.ops.convert_to_numpy(variable)
            for name, variable in variable_names(self.inner)
        }

    def finalize(self) -> keras.Model:
        """The plain model, the very one that was wrapped, with the weights that the factors make.

        Raises:
            UnfinishedError: alpha is not 0 yet.
        """
        self._require_factored()
        for factors, v in self.factored_variables():
            restore(v, self, factors.reconstructed())
        return self.inner

    def _require_factored(self) -> None:
        if self._phase is not Phase.FACTORED:
            raise UnfinishedError(
                f"alpha is {self.alpha:.4g} after {self._step} steps: the model still runs on its dense weights. Train "
                f"until step {self.schedule.done}, or call complete()"
            )

    # -- .keras files ----------------------------------------------------------------------------------------------

    def __dir__(self) -> list[str]:
        # Keras saves the layers that it finds here, and `inner` would save dense weights; `save_own_variables` saves
        # the rest of it. Under _self_, TensorFlow keeps references of its own.
        hidden = {"inner", "layers"}
        return [name for name in super().__dir__() if name not in hidden and not name.startswith("_self_")]

    def _state(self) -> list[keras.Variable]:
        """Every variable that this phase needs, in a fixed order."""
        gone = self._dense_ids if self._phase is Phase.FACTORED else set()
        factors = (
            [] if self._phase is Phase.DENSE else [v for f in self._factors.values() for v in f.variables.values()]
        )
        return [*factors, *(v for v in self.inner.variables if id(v) not in gone)]

    def save_own_variables(self, store: Any) -> None:
        """The step, the factors, and the variables of the inner model that are not factored."""
        store["step"] = np.asarray(self._step)
        for i, v in enumerate(self._state()):
            store[str(i)] = v

    def load_own_variables(self, store: Any) -> None:
        """Back to the step and phase that were saved."""
        self._step = int(np.asarray(store["step"]))
        self._alpha.assign(self.alpha)
        self._enter(_phase_at(self.alpha))
        for i, v in enumerate(self._state()):
            v.assign(store[str(i)])

    def get_config(self) -> dict[str, Any]:
        """The inner model, the schedule, and of each factorization its kind and fields."""
        return {
            "name": self.name,
            "inner": keras.saving.serialize_keras_object(self.inner),
            "factorizations": {name: to_config(f.factorization) for name, f in self._factors.items()},
            "schedule": {key: getattr(self.schedule, key) for key in ("begin", "frequency", "decrement", "end")},
            "frozen": list(self._frozen),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> CompressionOperator:
        """The operator as `get_config` described it, at step 0; loading a file brings it to its step."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"), custom_objects=custom_objects)
        plan = {literal(name): from_config(fields) for name, fields in config.pop("factorizations").items()}
        return cls(inner, plan, AlphaSchedule(**config.pop("schedule")), **config)


class AlphaUpdate(keras.callbacks.Callback):
    """Moves a CompressionOperator along its schedule and adds `alpha` to the logs of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.advance(batch + 1 - self._batches)  # more than one where steps_per_execution is
        self._batches = batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["alpha"] = self.model.alpha

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.model.alpha > 0:
            warnings.warn(
                f"training stopped at step {self.model.step} with alpha {self.model.alpha:.4g}: the schedule needs "
                f"{self.model.schedule.done} steps",
                ScheduleWarning,
                stacklevel=2,
            )


def _phase_at(alpha: float) -> Phase:
    if alpha == 1.0:
        return Phase.DENSE
    return Phase.MIXED if alpha > 0 else Phase.FACTORED


def _elements(factorization: Factorization) -> int:
    return sum(math.prod(shape) for shape in factorization.factor_shapes.values())


def _refuse_growth(name: str, factorization: Factorization) -> None:
    """FactorizationError where the factors are no smaller than the weight: a rank above break-even."""
    if grows(factorization):
        raise FactorizationError(
            f"{factorization} has {_elements(factorization)} numbers for the {math.prod(factorization.shape)} of the "
            "weight: choose a smaller rank, or leave this weight dense",
            tensor=name,
        )


def grows(factorization: Factorization) -> bool:
    """Whether the factors hold at least as many bits as the weight, before any coding."""
    nbits = sum(
        math.prod(shape) * (INTEGER_BITS if factor in factorization.integer_factors else 32)
        for factor, shape in factorization.factor_shapes.items()
    )
    return nbits >= 32 * math.prod(factorization.shape)
