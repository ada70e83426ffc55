"""A factorization's parameters <-> the plain values of a manifest."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..errors import FactorizationError
from .protocol import Factorization


def to_params(factorization: Factorization) -> tuple[int | str, tuple[Any, ...]]:
    """(number or kind, parameter values in field order, trailing defaults left out)."""
    fields = dataclasses.fields(factorization)[1:]
    values = [getattr(factorization, f.name) for f in fields]
    while values and values[-1] == fields[len(values) - 1].default:
        values.pop()
    kind = factorization.kind if factorization.number is None else factorization.number
    return kind, tuple(values)


def _declared(field: dataclasses.Field[Any]) -> str:
    """The field's type as text, whether or not its module postpones annotations."""
    return field.type if isinstance(field.type, str) else field.type.__name__


def from_params(cls: type[Factorization], shape: tuple[int, ...], params: tuple[Any, ...]) -> Factorization:
    """The factorization that a record describes.

    Raises:
        FactorizationError: wrong number, type or range of parameters.
    """
    fields = dataclasses.fields(cls)[1:]
    if len(params) > len(fields):
        raise FactorizationError(f"{cls.kind} takes {len(fields)} parameters, not {len(params)}")
    for field, value in zip(fields, params, strict=False):
        if not _declared(field).startswith(type(value).__name__):
            raise FactorizationError(f"{cls.kind} parameter {field.name} is {field.type}, not {type(value).__name__}")
    try:
        return cls(shape, *params)
    except (TypeError, ValueError, OverflowError) as e:
        raise FactorizationError(f"{cls.kind} cannot be built from {params}: {e}") from e
