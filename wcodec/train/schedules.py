"""When masks and alpha change, and to what: closed forms in the step, exact in integers where a step decides.

A step is the number of training steps done. Sources: the matrix-compression operator of google-research
(graph_compression), TensorFlow's contrib model_pruning (Zhu and Gupta, "To prune, or not to prune", 2017,
arXiv:1710.01878) and the TensorFlow Model Optimization toolkit (TFMOT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import ScheduleError

NEGLIGIBLE = 1e-9  # alpha below this is rounding: 1 - 100 * 0.01 and the like


@dataclass(frozen=True)
class Firings:
    """The steps at which something is updated: the first allowed one, then every `frequency` steps, until `end`.

    Attributes:
        begin: no firing before this step.
        end: no firing after this step; -1 stands for no end.
        frequency: steps from one firing to the next.
        last: the step that counts as the firing before the first. The originals update where
            `begin <= step`, `step <= end` and `last + frequency <= step`: the compression operator starts with
            last = -1 (so begin 0, frequency 10 fires first at step 9), contrib pruning with 0. None is TFMOT's rule,
            `(step - begin) % frequency == 0`.
    """

    begin: int
    end: int
    frequency: int
    last: int | None

    def __post_init__(self) -> None:
        if self.frequency < 1:
            raise ScheduleError(f"frequency is a number of steps >= 1, not {self.frequency}")
        if self.begin < 0:
            raise ScheduleError(f"begin is a step >= 0, not {self.begin}")
        if 0 <= self.end < self.first:
            raise ScheduleError(f"the schedule ends at step {self.end}, before its first update at step {self.first}")

    @property
    def first(self) -> int:
        """The step of the first firing."""
        return self.begin if self.last is None else max(self.begin, self.last + self.frequency)

    def count(self, step: int) -> int:
        """Firings up to and including `step`."""
        until = step if self.end < 0 else min(step, self.end)
        return 0 if until < self.first else (until - self.first) // self.frequency + 1

    def fires_at(self, step: int) -> bool:
        """Whether `step` is one."""
        return step >= 0 and self.count(step) > self.count(step - 1)


@dataclass(frozen=True)
class AlphaSchedule:
    """Share of the dense weight in W = alpha * A + (1 - alpha) * reconstruct(factors): 1 until `begin`, then falling.

    Firing number i (from 1) leaves alpha = max(1 - i * decrement, 0), computed from i and not summed up, so that it
    ends at exactly 0.

    Attributes:
        begin: no firing before this step; the first one factors the weight.
        frequency: steps from one firing to the next.
        decrement: what alpha loses at each.
        end: step of the last firing at most; -1 for as many as it takes.
    """

    begin: int = 0
    frequency: int = 10
    decrement: float = 0.01
    end: int = -1
    firings: Firings = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.decrement <= 1:
            raise ScheduleError(f"alpha decrement is in (0, 1], not {self.decrement}")
        object.__setattr__(self, "firings", Firings(self.begin, self.end, self.frequency, last=-1))
        if self.end >= 0 and self.alpha(self.end) > 0:
            raise ScheduleError(
                f"alpha is {self.alpha(self.end):.4g} when the schedule ends at step {self.end}, and the file would "
                f"need the dense weight: it is 0 at step {self.done}; end there or later, or take a larger decrement"
            )

    @property
    def updates(self) -> int:
        """Firings until alpha is 0."""
        exact = 1 / self.decrement
        return round(exact) if math.isclose(exact, round(exact), rel_tol=NEGLIGIBLE) else math.ceil(exact)

    @property
    def done(self) -> int:
        """The step from which alpha is 0."""
        return self.firings.first + (self.updates - 1) * self.frequency

    def alpha(self, step: int) -> float:
        """Alpha after `step` steps: exactly 1 before the first firing, exactly 0 from `done` on."""
        left = 1.0 - self.firings.count(step) * self.decrement
        return left if left > NEGLIGIBLE else 0.0


class SparsitySchedule(Protocol):
    """Which share of a weight is zero, and when masks are made anew."""

    def sparsity(self, step: int) -> float:
        """Share of zeros at `step`, in [0, 1)."""

    def updates_at(self, step: int) -> bool:
        """Whether masks are made anew at `step`."""


@dataclass(frozen=True)
class PolynomialDecay:
    """Sparsity rising from initial to final: s_f + (s_i - s_f) * (1 - p)**power, p = (step - begin) / (end - begin).

    Arguments as in TFMOT. The step `end_step` always updates, whatever the frequency, so that final is reached.
    """

    initial_sparsity: float
    final_sparsity: float
    begin_step: int
    end_step: int
    power: float = 3.0
    frequency: int = 100

    def __post_init__(self) -> None:
        _check_sparsity("initial_sparsity", self.initial_sparsity)
        _check_sparsity("final_sparsity", self.final_sparsity)
        if not 0 <= self.begin_step < self.end_step:
            raise ScheduleError(f"begin_step {self.begin_step} is not in 0..end_step {self.end_step} - 1")
        if not self.power > 0:
            raise ScheduleError(f"power is a number > 0, not {self.power}")
        if self.frequency < 1:
            raise ScheduleError(f"frequency is a number of steps >= 1, not {self.frequency}")

    def sparsity(self, step: int) -> float:
        """Closed form; `initial_sparsity` before the window, `final_sparsity` after it."""
        return polynomial(step, self.initial_sparsity, self.final_sparsity, self.begin_step, self.end_step, self.power)

    def updates_at(self, step: int) -> bool:
        """Every `frequency` steps from begin_step, and at end_step."""
        firings = Firings(self.begin_step, self.end_step, self.frequency, last=None)
        return step == self.end_step or firings.fires_at(step)


@dataclass(frozen=True)
class ConstantSparsity:
    """The same sparsity at every update from `begin_step` on, as in TFMOT; end_step -1 stands for no end."""

    target_sparsity: float
    begin_step: int
    end_step: int = -1
    frequency: int = 100

    def __post_init__(self) -> None:
        _check_sparsity("target_sparsity", self.target_sparsity)
        self._firings()

    def _firings(self) -> Firings:
        return Firings(self.begin_step, self.end_step, self.frequency, last=None)

    def sparsity(self, step: int) -> float:
        """0 before begin_step, then the target."""
        return self.target_sparsity if step >= self.begin_step else 0.0

    def updates_at(self, step: int) -> bool:
        """Every `frequency` steps from begin_step, and at end_step."""
        return step == self.end_step or Firings(self.begin_step, self.end_step, self.frequency, last=None).fires_at(
            step
        )


@dataclass(frozen=True)
class ContribSparsity:
    """The schedule of contrib model_pruning: the window of the sparsity and that of the updates are independent.

    Attributes:
        function: sparsity over the steps; its own firing rule is not used.
        begin: first step of the window of updates.
        end: its last step, -1 for none; it always updates.
        frequency: steps from one update to the next; the first comes no earlier than step `frequency`.
    """

    function: PolynomialDecay
    begin: int = 0
    end: int = -1
    frequency: int = 10

    def __post_init__(self) -> None:
        Firings(self.begin, self.end, self.frequency, last=0)

    def sparsity(self, step: int) -> float:
        """That of `function`."""
        return self.function.sparsity(step)

    def updates_at(self, step: int) -> bool:
        """By contrib's rule (last update 0), and at `end`."""
        return step == self.end or Firings(self.begin, self.end, self.frequency, last=0).fires_at(step)


SPARSITY_SCHEDULES: dict[str, type[SparsitySchedule]] = {
    cls.__name__: cls for cls in (PolynomialDecay, ConstantSparsity, ContribSparsity)
}


def polynomial(step: int, initial: float, final: float, begin: int, end: int, power: float) -> float:
    """Zhu and Gupta's sparsity at `step`; outside of begin..end the value at the nearer border."""
    progress = min(max((step - begin) / (end - begin), 0.0), 1.0)
    return float(final + (initial - final) * (1.0 - progress) ** power)


def _check_sparsity(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ScheduleError(f"{name} is a share of zeros in [0, 1), not {value}")
