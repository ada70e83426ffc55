"""What a kind of factorization says of its factors, and the parameters of its records."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import FACTORIZATION, UNKNOWN_KIND, require
from ..records import Record


class Kind(NamedTuple):
    """A section of factorizations.md.

    `parameters` are names, or name=default; `shapes` gives what `factors_of` returns and leaves in the record what
    `weight` needs; `weight` makes the weight of the record and its factors by name, of a kind of matrices the matrix.
    """

    parameters: str
    shapes: Callable[[Record], tuple[dict[str, tuple], dict[str, list[int]], set[str]]]
    weight: Callable[..., np.ndarray]


def factors_of(record: Record, kinds: dict[int, Kind]) -> tuple[dict[str, tuple], dict[str, list[int]], set[str]]:
    """(name -> shape of the factors, name -> default step axes, names of integer factors) of a record's kind.

    The parameters become attributes of the record; kinds of matrices leave m and n there too.
    """
    require(record.kind in kinds, UNKNOWN_KIND, "an unknown kind")
    table = [parameter.partition("=")[::2] for parameter in kinds[record.kind].parameters.split()]
    require(len(record.params) <= len(table), FACTORIZATION, "too many parameters")
    given = record.params + [literal_default(default) for _, default in table[len(record.params) :]]
    for (name, _), value in zip(table, given, strict=True):
        wanted = tuple if name in ("axes", "rows", "columns", "ranks", "kept", "inner") else int
        require(type(value) is wanted, FACTORIZATION, "a parameter that is missing or of another type")
        setattr(record, name, value)
    if hasattr(record, "row_axes"):
        rank = len(record.shape)
        require(rank >= 2 and 0 <= record.row_axes < rank, FACTORIZATION, "rows and columns")
        split = record.row_axes or rank - 1
        record.m, record.n = math.prod(record.shape[:split]), math.prod(record.shape[split:])
    return kinds[record.kind].shapes(record)


def literal_default(text: str) -> object:
    return {"": None, "()": (), "(0,)": (0,), "0": 0, "1": 1, "2": 2}[text]


def between(value: int, most: int, what: str) -> None:
    """From 1 to max(1, most)."""
    require(1 <= value <= max(1, most), FACTORIZATION, what)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)
