"""Which step meets a budget: searches over the one setting that a rate point has.

File size falls and error grows with the step. For a size, an estimate comes close and a pass or two settle it; for a
quality, a search by the cheap one-shot quantizer does, and a few passes of the sequential one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import BudgetError
from ..quantize import CODES_PER_OCTAVE
from .size import SizeEstimate
from .steps import PARTS

WALK = 4  # most passes that settle a budget
WORTH_A_PASS = 0.025  # of a size budget left over
AIM = 0.003  # of a size budget that is left to the estimate's error
QUALITY_STRIDE = PARTS * CODES_PER_OCTAVE // 8  # settings from pass to pass where a quality is sought


@dataclass(frozen=True)
class RatePoint:
    """One step and what came of it.

    Attributes:
        setting: in eighths of a step code, of matrices and kernels.
        nbytes: of the whole file.
        divergence: KL to the float network in nats on the validation data, where it was measured.
        score: what the caller's evaluate gave, where there is one.
        quantizer: "rounding", "one_shot" or "sequential".
    """

    setting: int
    nbytes: int
    divergence: float | None
    score: float | None
    quantizer: str

    @property
    def step_code(self) -> float:
        """Of matrices and kernels; with a fraction where they are on two."""
        return self.setting / PARTS


@dataclass(frozen=True)
class Budget:
    """What a rate point has to keep.

    Attributes:
        kept: whether a point does.
        measure: what it is about, for the message: a point -> "71,000 bytes", "a KL of 0.03".
        coarser_keeps: True for a size, which coarser steps keep; False for a quality, which finer steps keep.
        words: the budget itself, for the message.
        closest: give the closest point where none keeps the budget, in place of an error.
    """

    kept: Callable[[RatePoint], bool]
    measure: Callable[[RatePoint], str]
    coarser_keeps: bool
    words: str
    closest: bool = False

    def broken(self, point: RatePoint) -> str:
        """What to say where `point` is as close as it gets."""
        return f"{self.words} cannot be kept: the closest point has {self.measure(point)}"

    def require(self, point: RatePoint) -> RatePoint:
        """The point, if it keeps the budget or the closest one will do.

        Raises:
            BudgetError: says what the closest point came to.
        """
        if not self.kept(point) and not self.closest:
            raise BudgetError(self.broken(point))
        return point


Try = Callable[[int], RatePoint]  # step code or setting -> what comes of it


def bisect(trial: Try, budget: Budget, low: int, high: int) -> int:
    """The step code closest to the budget's edge that keeps it: the finest for a size, the coarsest for a quality.

    Args:
        trial: cheap.
        low, high: step codes; the easy end is taken to be the last resort.

    Raises:
        BudgetError: not even the easy end keeps the budget; says what it came to.
    """
    easy, hard = (high, low) if budget.coarser_keeps else (low, high)
    if not budget.kept(budget.require(trial(easy))):
        return easy
    if budget.kept(trial(hard)):
        return hard
    while abs(easy - hard) > 1:
        middle = (easy + hard) // 2
        if budget.kept(trial(middle)):
            easy = middle
        else:
            hard = middle
    return easy


def settle_size(trial: Try, budget: Budget, most: float, estimate: SizeEstimate, low: int, high: int) -> RatePoint:
    """The finest point of at most so many bytes, by an estimate that learns from a few trials.

    Args:
        trial: quantizes and codes.
        budget: of that size.
        most: bytes.
        estimate: of the file, for any setting.
        low, high: settings to look at.

    Raises:
        BudgetError: the coarsest point is larger, or none of the trials was small enough.
    """
    setting = estimate.finest((1 - AIM) * most, low, high)
    best: RatePoint | None = None
    for _ in range(WALK):
        point = trial(setting)
        estimate.learn(setting, point.nbytes)
        if budget.kept(point):
            best = point if best is None or point.nbytes > best.nbytes else best
        following = estimate.finest((1 - AIM) * most, low, high)
        if best is None:
            following = max(following, setting + 1)
        elif best.nbytes > (1 - WORTH_A_PASS) * most or following >= best.setting or following == setting:
            return best
        if following > high:
            break
        setting = following
    return best or budget.require(point)


def settle_quality(trial: Try, budget: Budget, start: int) -> RatePoint:
    """The coarsest point that keeps a quality among a few passes from the setting `start` on.

    Raises:
        BudgetError: none of the passes keeps it; says what the last one came to.
    """
    best: RatePoint | None = None
    setting = start
    for walked in range(WALK):
        point = trial(setting)
        kept = budget.kept(point)
        if best is not None and not kept:
            return best
        best = point if kept else None
        setting += QUALITY_STRIDE if kept else -QUALITY_STRIDE << walked  # in longer strides where it is far
        if kept and point.setting < start:
            break  # the step above did not keep it
    return best or budget.require(point)


def size_budget(most: int, words: str, *, closest: bool = False) -> Budget:
    """At most so many bytes."""
    return Budget(lambda p: p.nbytes <= most, lambda p: f"{p.nbytes:,} bytes", True, words, closest)


def divergence_budget(most: float, *, closest: bool = False) -> Budget:
    """At most so much divergence, in nats."""
    return Budget(
        lambda p: (p.divergence or 0.0) <= most,
        lambda p: f"a KL of {p.divergence:.4g}",
        False,
        f"max_kl={most:g}",
        closest,
    )


def score_budget(least: float, tolerance: float, *, closest: bool = False) -> Budget:
    """At least this score of the caller's own."""
    return Budget(
        lambda p: p.score is not None and p.score >= least,
        lambda p: f"a score of {p.score:g}",
        False,
        f"tolerance={tolerance:g} (a score of {least:g})",
        closest,
    )
