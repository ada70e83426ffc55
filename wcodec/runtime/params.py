"""Kinds of layer parameters: what a value may be, and how it goes into the graph chunk (format_spec/graph.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import GraphError

LARGEST = 2**31 - 1


class Param(Protocol):
    """One parameter of an op. A parameter with its default value is left out of the file."""

    @property
    def default(self) -> Any:
        """The value of a layer that does not say; None where it has to."""

    def to_wire(self, value: Any) -> Any:
        """What msgpack stores; the value's canonical form."""

    def from_wire(self, stored: Any) -> Any:
        """The value; GraphError where it is none of this kind."""


def _integer(stored: Any, low: int, high: int) -> int:
    if not isinstance(stored, int) or isinstance(stored, bool) or not low <= stored <= high:
        raise GraphError(f"{stored!r} is not an integer in {low}..{high}")
    return stored


@dataclass(frozen=True)
class Integer:
    """One integer."""

    default: int
    low: int = 0
    high: int = LARGEST

    def to_wire(self, value: int) -> int:
        """The integer itself."""
        return int(value)

    def from_wire(self, stored: Any) -> int:
        """The integer itself."""
        return _integer(stored, self.low, self.high)


@dataclass(frozen=True)
class Integers:
    """A list of integers; `default` None says that the parameter must be there."""

    default: tuple[int, ...] | None = None
    low: int = 0
    high: int = LARGEST

    def to_wire(self, value: Any) -> list[int]:
        """A list."""
        return [int(v) for v in value]

    def from_wire(self, stored: Any) -> tuple[int, ...]:
        """A tuple."""
        if not isinstance(stored, list | tuple):
            raise GraphError(f"{stored!r} is not a list of integers")
        return tuple(_integer(v, self.low, self.high) for v in stored)


@dataclass(frozen=True)
class PerAxis:
    """An integer for each spatial axis; one integer stands for all axes."""

    default: int
    low: int = 1
    high: int = 65535

    def to_wire(self, value: Any) -> int | list[int]:
        """One integer where all axes agree, else a list."""
        axes = [int(value)] if isinstance(value, int) else [int(v) for v in value]
        return axes[0] if len(set(axes)) == 1 else axes

    def from_wire(self, stored: Any) -> int | tuple[int, ...]:
        """An integer or a tuple."""
        if isinstance(stored, list | tuple):
            return tuple(_integer(v, self.low, self.high) for v in stored)
        return _integer(stored, self.low, self.high)


@dataclass(frozen=True)
class Real:
    """One float; an infinite default stands for "no bound" and is never stored."""

    default: float

    def to_wire(self, value: float) -> float:
        """The float64 itself, an integer where it is a small one (msgpack stores that in one byte)."""
        value = float(value)
        return int(value) if value.is_integer() and abs(value) < 128 and math.copysign(1, value) > 0 else value

    def from_wire(self, stored: Any) -> float:
        """A finite float."""
        if not isinstance(stored, int | float) or isinstance(stored, bool) or not math.isfinite(stored):
            raise GraphError(f"{stored!r} is not a finite number")
        return float(stored)


@dataclass(frozen=True)
class Reals:
    """A float, or one a channel."""

    default: float

    def to_wire(self, value: Any) -> Any:
        """A number or a list of numbers."""
        one = Real(self.default)
        return [one.to_wire(v) for v in value] if isinstance(value, list | tuple) else one.to_wire(value)

    def from_wire(self, stored: Any) -> float | tuple[float, ...]:
        """A float or a tuple."""
        one = Real(self.default)
        return tuple(one.from_wire(v) for v in stored) if isinstance(stored, list | tuple) else one.from_wire(stored)


@dataclass(frozen=True)
class Flag:
    """A truth value."""

    default: bool = False

    def to_wire(self, value: bool) -> bool:
        """The truth value itself."""
        return bool(value)

    def from_wire(self, stored: Any) -> bool:
        """The truth value itself."""
        if not isinstance(stored, bool):
            raise GraphError(f"{stored!r} is not a truth value")
        return stored


@dataclass(frozen=True)
class Choice:
    """One of some names; stored as its position, the first is the default."""

    names: tuple[str, ...]

    @property
    def default(self) -> str:
        """The first name."""
        return self.names[0]

    def to_wire(self, value: str) -> int:
        """Position of the name."""
        return self.names.index(value)

    def from_wire(self, stored: Any) -> str:
        """Name at the position."""
        return self.names[_integer(stored, 0, len(self.names) - 1)]
