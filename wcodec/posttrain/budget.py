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
    """

    kept: Callable[[RatePoint], bool]
    measure: Callable[[RatePoint], str]
    coarser_keeps: bool
    words: str

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

    A point that fails sends the search half an octave's quarter towards the easy side, one that keeps a quality sends
    it the other way; a size once kept is taken.

    Raises:
        OptionError: none of the passes keeps the budget; says what the last one came to.
    """
    stride = CODES_PER_OCTAVE // 8
    best: RatePoint | None = None
    code, point = start, None
    for _ in range(WALK):
        point = trial(code)
        if budget.kept(point):
            best = point
            if budget.coarser_keeps:
                break
            code -= stride * budget.direction
        elif best is not None:
            break
        else:
            code += (1 if budget.coarser_keeps else stride) * budget.direction
    if best is None:
        closest = budget.measure(point) if point is not None else "none"
        raise OptionError(f"{budget.words} cannot be kept: the closest point has {closest}")
    return best
