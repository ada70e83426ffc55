"""What callers give by name pattern: a factorization for whatever shape the weight has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from typing import Any

from ..errors import OptionError
from .protocol import Factorization

FactorizationFactory = Callable[[tuple[int, ...]], Factorization] | Factorization


def result_of(factory: FactorizationFactory, shape: tuple[int, ...]) -> Any:
    """What a factory gives for a weight of `shape`, unchecked; a factorization itself gives itself.

    Raises:
        OptionError: neither of the two.
        FactorizationError: parameters that the factorization does not allow for this shape.
    """
    if isinstance(factory, Factorization):
        return factory
    if not callable(factory):
        raise OptionError(f"factorizations holds a {type(factory).__name__} for it, not shape -> Factorization")
    return factory(shape)


def made_by(factory: FactorizationFactory, shape: tuple[int, ...]) -> Factorization:
    """`result_of`, which must be a Factorization; OptionError where it is not."""
    made = result_of(factory, shape)
    if not isinstance(made, Factorization):
        raise OptionError(f"its entry of factorizations made a {type(made).__name__}, not a Factorization")
    return made


def check_patterns(patterns: Iterable[str], names: Collection[str], what: str) -> None:
    """Refuse a pattern that names nothing: a name that was spelt wrong would cost the compression in silence.

    Raises:
        OptionError: no `what` (a "tensor") has a name like it.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise OptionError(f"factorizations: no {what} has a name like {pattern!r}")
