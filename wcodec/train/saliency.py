"""How much a weight matters: the scores that pruning keeps the largest of.

`FirstOrder` is the first-order Taylor term of the loss (Molchanov et al., 2017, arXiv:1611.06440, and 2019,
arXiv:1906.10771): removing weight w changes the loss by about w * dL/dw. google-research's "gradient" options are kept
by name (`WeightChange`): they measure how far a weight moved, which is no gradient of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import keras
import numpy as np

from ..errors import ScheduleError

State = dict[str, np.ndarray]


class Saliency(Protocol):
    """Scores of the weights of one tensor.

    Attributes:
        state: names of the arrays of the weight's shape, float32 and zero at first, that are kept from one update of
            the masks to the next.
    """

    state: ClassVar[tuple[str, ...]]

    @property
    def gradient_decay(self) -> float | None:
        """Decay of the moving average that every training step updates in the state "saliency"."""

    @property
    def gradient_power(self) -> int:
        """It averages |w * dL/dw| to this power."""

    def scores(self, weight: np.ndarray, state: State) -> np.ndarray:
        """Scores >= 0 of the weight's shape; entries of `state` may be replaced."""


def _check_decay(decay: float) -> None:
    if not 0 <= decay < 1:
        raise ScheduleError(f"decay of a moving average is in [0, 1), not {decay}")


@dataclass(frozen=True)
class Magnitude:
    """|w|."""

    state: ClassVar[tuple[str, ...]] = ()
    gradient_decay: ClassVar[float | None] = None
    gradient_power: ClassVar[int] = 1

    def scores(self, weight: np.ndarray, _state: State) -> np.ndarray:
        """See Saliency."""
        return np.asarray(np.abs(weight))


@dataclass(frozen=True)
class FirstOrder:
    """Moving average over the training steps of |w * dL/dw| to a power, taken at the masked weight.

    A weight that is masked keeps the value it had, and its score says what it would bring back: it may return.

    Attributes:
        decay: of the moving average.
        power: 2 as in 2019, 1 as in 2017.
    """

    state: ClassVar[tuple[str, ...]] = ("saliency",)

    decay: float = 0.999
    power: int = 2

    def __post_init__(self) -> None:
        _check_decay(self.decay)
        if self.power not in (1, 2):
            raise ScheduleError(f"power of a saliency is 1 or 2, not {self.power}")

    @property
    def gradient_decay(self) -> float | None:
        """See Saliency."""
        return self.decay

    @property
    def gradient_power(self) -> int:
        """See Saliency."""
        return self.power

    def scores(self, _weight: np.ndarray, state: State) -> np.ndarray:
        """See Saliency."""
        return state["saliency"]


@dataclass(frozen=True)
class WeightChange:
    """google-research's "first_order_gradient" and "second_order_gradient": |w| * g, by how weights moved.

    At every update of the masks, g = decay * g + (1 - decay) * d / |d|_2 with d = |w_t - w_t-1| (order 1) or
    |w_t + w_t-2 - 2 w_t-1| (order 2). The old weights start as zeros, as they do there: the first d is |w| itself.

    Attributes:
        order: 1 or 2.
        decay: of the moving average.
    """

    state: ClassVar[tuple[str, ...]] = ("change", "old", "older")
    gradient_decay: ClassVar[float | None] = None
    gradient_power: ClassVar[int] = 1

    order: int = 1
    decay: float = 0.99

    def __post_init__(self) -> None:
        _check_decay(self.decay)
        if self.order not in (1, 2):
            raise ScheduleError(f"order of a weight change is 1 or 2, not {self.order}")

    def scores(self, weight: np.ndarray, state: State) -> np.ndarray:
        """See Saliency."""
        old, older = state["old"], state["older"]
        change = np.abs(weight - old) if self.order == 1 else np.abs(weight + older - 2 * old)
        norm = float(np.linalg.norm(change.ravel()))
        change = change / norm if norm > 0 else change
        state["change"] = self.decay * state["change"] + (1 - self.decay) * change
        state["old"], state["older"] = weight.copy(), old
        return np.asarray(np.abs(weight) * state["change"])


# prune_option= of google-research's model_pruning -> saliency
PRUNE_OPTIONS: dict[str, Saliency] = {
    "weight": Magnitude(),
    "first_order_gradient": WeightChange(1),
    "second_order_gradient": WeightChange(2),
}
SALIENCIES: dict[str, type[Saliency]] = {cls.__name__: cls for cls in (Magnitude, FirstOrder, WeightChange)}


def watched(effective: Any, weight: Any, average: Any, decay: float, power: int) -> Any:
    """`effective` itself, which on the way back hands the next moving average to `average` as its "gradient".

    Keras has variables that an optimizer overwrites with their gradient (`overwrite_with_gradient`, made for float8
    scales); `average` is one. So every training step updates it, on every backend, inside the compiled step.

    Args:
        effective: the weight that the model runs on.
        weight: the weight whose score is taken, same shape.
        average: moving average of |weight * dL/d(effective)| ** power, same shape.
        decay: of it.
        power: of what is averaged, 1 or 2.
    """

    @keras.ops.custom_gradient  # type: ignore[untyped-decorator]
    def identity(effective: Any, weight: Any, average: Any) -> Any:
        def gradients(*saved: Any, upstream: Any = None) -> tuple[Any, Any, Any]:
            if upstream is None:  # torch passes what was saved and names the gradient; the others pass it alone
                (upstream,) = saved
            score = keras.ops.abs(weight * upstream) ** power
            return upstream, keras.ops.zeros_like(weight), decay * average + (1.0 - decay) * score

        return keras.ops.copy(effective), gradients

    return identity(effective, keras.ops.stop_gradient(weight), average)
