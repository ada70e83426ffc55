"""A place for coded bits that only adds up their cost, symbol by symbol."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

LOG2 = [round(65536 * math.log2(1 + i / 128)) for i in range(129)]


class CostMeter:
    """Stands where a range encoder stands.

    Attributes:
        cost: of all bits so far, in 2**-16 bit.
    """

    def __init__(self) -> None:
        self.cost = 0

    def bit(self, bit: int, chance_of_one: int) -> None:
        """Count one bit."""
        self.cost += information(chance_of_one if bit else 65536 - chance_of_one)


def information(chance: int) -> int:
    """16 - log2(chance) in 2**-16 bit, linear between 128ths of an octave."""
    exponent = chance.bit_length() - 1
    cell, past = divmod((chance << 16 - exponent) & 65535, 512)
    return (16 - exponent << 16) - LOG2[cell] - ((LOG2[cell + 1] - LOG2[cell]) * past >> 9)


def each_cost(meter: CostMeter, costs: np.ndarray | None) -> Callable[[], None]:
    """To be called when a symbol is done: puts its cost into uint32 `costs` (n,), one after another."""
    told = index = 0

    def done() -> None:
        nonlocal told, index
        if costs is not None:
            costs[index] = meter.cost - told
        told, index = meter.cost, index + 1

    return done
