"""The way to a target: by what factor the weight of the penalty moves from one cycle to the next."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .options import Target

# How far the penalty weight may move between cycles: before the target has been met, and after.
SEARCHING, SETTLED = (0.4, 5.0), (0.8, 1.25)
# Met with so much to spare, the search is not at its end.
ROOM = 1.25
# Where the penalty weight falls below this share, the network is to grow, and what is gone from it does not come back:
# such a cycle begins anew. It is a whole run; so many of them at most.
GROWTH, MOST_ANEW = 0.7, 2


class End(NamedTuple):
    """What a cycle came to.

    Attributes:
        penalty_weight: of the cycle.
        nbytes: of the file that would be written.
        accuracy: of that file on the validation data; NaN where there is none.
        widths: units of each group that are left.
        statistic_codes: of the model's `settle_statistics`.
    """

    penalty_weight: float
    nbytes: int
    accuracy: float
    widths: dict[str, int]
    statistic_codes: dict[str, int]


def close(target: Target, end: End) -> bool:
    """Met, with at most 3 % of the size or the error to spare."""
    return target.met(end.nbytes, end.accuracy) and target.slack(end.nbytes, end.accuracy) < 1.03


def next_factor(target: Target, ends: list[End]) -> float:
    """Of the next penalty weight, so that the slack becomes 1 if it goes with the weight as it has gone.

    Bytes go about with the inverse square root of the weight after a long run, errors less; a short cycle follows the
    weight by less than that, as the last two have shown.
    """
    slack = target.slack(ends[-1].nbytes, ends[-1].accuracy)
    power = 1.5
    if target.nbytes is not None:
        power = -1 / _exponent(ends[-2], ends[-1]) if len(ends) > 1 else -2.0
    settled = slack < ROOM and any(target.met(end.nbytes, end.accuracy) for end in ends)
    return float(np.clip(slack**power, *(SETTLED if settled else SEARCHING)))


def _exponent(before: End, after: End) -> float:
    """By which power of the penalty weight the file shrank from one cycle to the next, 1/8 to 1/2."""
    rise = math.log(after.penalty_weight / before.penalty_weight)
    shrunk = math.log(before.nbytes / after.nbytes)
    return float(np.clip(shrunk / rise, 0.125, 0.5)) if rise > 0 else 0.5


def rank(target: Target, end: End) -> tuple[bool, float]:
    """Smaller is better: ends that meet the target first; among them by the other measure, else by what is missing."""
    met = target.met(end.nbytes, end.accuracy)
    if not met:
        return True, -target.slack(end.nbytes, end.accuracy)
    return False, (-end.accuracy if target.nbytes is not None else float(end.nbytes))
