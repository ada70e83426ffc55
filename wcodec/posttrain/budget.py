"""Which step meets a budget: searches over the one step code that a rate point has.

File size falls and error grows with the step. A search by the cheap one-shot quantizer comes close; a few passes of
the sequential one settle it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import OptionError
from ..quantize import CODES_PER_OCTAVE

WALK = 4  # most sequential passes that settle a budget
WORTH_A_PASS = 0.05  # of a size budget left over
QUALITY_STRIDE = CODES_PER_OCTAVE // 8  # step codes from pass to pass where a quality is sought
PER_CODE = 0.015  # how much smaller one step code makes a file, about


@dataclass(frozen=True)
class RatePoint:
    """One step and what came of it.

    Attributes:
        step_code: of matrices and kernels.
        nbytes: of the whole file.
        divergence: KL to the float network in nats on the validation data, where it was measured.
        score: what the caller's evaluate gave, where there is one.
        quantizer: "one_shot" or "sequential".
    """

    step_code: int
    nbytes: int
    divergence: float | None
    score: float | None
    quantizer: str


@dataclass(frozen=True)
class Budget:
    """What a rate point has to keep.

    Attributes:
        kept: whether a point does.
        measure: what it is about, for the message: a point -> "71,000 bytes", "a KL of 0.03".
        coarser_keeps: True for a size, which coarser steps keep; False for a quality, which finer steps keep.
        words: the budget itself, for the message.
        refined: how many step codes a kept point may be made harder in one go.
    """

    kept: Callable[[RatePoint], bool]
    measure: Callable[[RatePoint], str]
    coarser_keeps: bool
    words: str
    refined: Callable[[RatePoint], int]

    @property
    def direction(self) -> int:
        """Towards which step codes the budget gets easier to keep."""
        return 1 if self.coarser_keeps else -1


Try = Callable[[int], RatePoint]  # step code -> what comes of it


def bisect(trial: Try, budget: Budget, low: int, high: int) -> int:
    """The step code closest to the budget's edge that keeps it: the finest for a size, the coarsest for a quality.

    Args:
        trial: cheap.
        low, high: step codes; the easy end is taken to be the last resort.

    Raises:
        OptionError: not even the easy end keeps the budget; says what it came to.
    """
    easy, hard = (high, low) if budget.coarser_keeps else (low, high)
    last = trial(easy)
    if not budget.kept(last):
        raise OptionError(f"{budget.words} cannot be kept: the closest point has {budget.measure(last)}")
    if budget.kept(trial(hard)):
        return hard
    while abs(easy - hard) > 1:
        middle = (easy + hard) // 2
        if budget.kept(trial(middle)):
            easy = middle
        else:
            hard = middle
    return easy


def settle(trial: Try, budget: Budget, start: int) -> RatePoint:
    """The best point that keeps the budget among a few passes from `start` on.

    Raises:
        OptionError: none of the passes keeps the budget; says what the last one came to.
    """
    best: RatePoint | None = None
    code = start
    for _ in range(WALK):
        point = trial(code)
        if budget.kept(point):
            best = point
            code -= budget.refined(point) * budget.direction
        elif best is None:
            code += QUALITY_STRIDE * budget.direction if not budget.coarser_keeps else 1
        if code == point.step_code or (best is not None and best is not point):
            break
    if best is None:
        raise OptionError(f"{budget.words} cannot be kept: the closest point has {budget.measure(point)}")
    return best


def size_budget(most: int, words: str) -> Budget:
    """At most so many bytes."""

    def refined(point: RatePoint) -> int:
        left = 1 - point.nbytes / most
        return int(left / PER_CODE) if left > WORTH_A_PASS else 0

    return Budget(lambda p: p.nbytes <= most, lambda p: f"{p.nbytes:,} bytes", True, words, refined)


def divergence_budget(most: float) -> Budget:
    """At most so much divergence, in nats."""
    return Budget(
        lambda p: (p.divergence or 0.0) <= most,
        lambda p: f"a KL of {p.divergence:.4g}",
        False,
        f"max_kl={most:g}",
        lambda p: QUALITY_STRIDE,
    )


def score_budget(least: float, tolerance: float) -> Budget:
    """At least this score of the caller's own."""
    return Budget(
        lambda p: p.score is not None and p.score >= least,
        lambda p: f"a score of {p.score:g}",
        False,
        f"tolerance={tolerance:g} (a score of {least:g})",
        lambda p: QUALITY_STRIDE,
    )
