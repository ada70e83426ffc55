"""What callers give by name pattern: a factorization for whatever shape the weight has."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import OptionError
from .protocol import Factorization

FactorizationFactory = Callable[[tuple[int, ...]], Factorization] | Factorization


def made_by(factory: FactorizationFactory, shape: tuple[int, ...]) -> Factorization:
    """The factorization that a factory gives for a weight of `shape`; a factorization itself gives itself.

    Raises:
        OptionError: neither of the two, or a factory of something else.
        FactorizationError: parameters that the factorization does not allow for this shape.
    """
    if isinstance(factory, Factorization):
        return factory
    if not callable(factory):
        raise OptionError(f"factorizations holds a {type(factory).__name__} for it, not shape -> Factorization")
    made = factory(shape)
    if not isinstance(made, Factorization):
        raise OptionError(f"its entry of factorizations made a {type(made).__name__}, not a Factorization")
    return made
