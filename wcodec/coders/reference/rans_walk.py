"""The walk of rans that its decoder and its encoder share (format_spec/coders.md, 7.4 to 7.7)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

BITS = 11
CLASSES = 16
LOWEST_STATE = 1 << 16
ESCAPE = -128

Step = list[list[int]]  # symbols [column][lane]


def sign(value: int) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def flipped(symbol: int, context: int) -> int:
    """A symbol as its table sees it, and back: negated in a negative context; the escape has no sign."""
    return -symbol if context < 0 and symbol != ESCAPE else symbol


def near_column(kind: int, column: int, kernel: int, line: int) -> int:
    """Column of the neighbour of a column: its own one for the row above, below 0 for none."""
    in_kernel = column % kernel
    up_line = line if in_kernel >= line else kernel
    distances = (column + 1, 0, 1, 2, 1 if in_kernel % line else up_line, up_line)
    return column - distances[kind]


def near_symbols(step: Step, above: Step, near: int, column: int, lanes: int) -> list[int]:
    """The neighbour of each lane's symbol in a column: of this step, or of the one above; 0 where there is none."""
    if near < 0:
        return [0] * lanes
    return above[column] if near == column else step[near]


def class_of(row: int, column: int) -> int:
    """Class of the tables of an element, from the scale exponents of its row and column."""
    return min(max(8 + row + column, 0), CLASSES - 1)


def band_rows(rows: int, lanes: int) -> Iterator[list[int | None]]:
    """Of each step, the row that each lane decodes; None where its band has ended."""
    first = [rows * lane // lanes for lane in range(lanes + 1)]
    for step in range(-(-rows // lanes)):
        yield [a + step if a + step < b else None for a, b in itertools.pairwise(first)]
