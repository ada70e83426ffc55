"""The records of a file: what a chunk's manifest says of each tensor, as frozen data (format_spec/wcz.md, records).

A record knows numbers, not classes: which factorization and coder a number stands for is the decoder's business.
On the wire a record is a msgpack array [head, d0, d1, ..., options?] with head = dtype + 16 * form + 64 * scan and
options a map with the integer keys below, left out where everything has its default.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from .dtypes import dtype_of, number_of
from .errors import RecordError
from .scans import SCANS, scan_name

KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS = range(6)  # keys of the options map
DENSE = 0  # the kind of a record without options
MAX_FACTORS = 64
MAX_PARAMS = 64
MAX_BANDS = 1024
MAX_AXES = 32  # bits of a step-axes mask

Param = int | str | tuple[int, ...]


class Form(IntEnum):
    """How a factor's values become the arrays that a coder sees."""

    QUANTIZED = 0  # int32 symbols, value = symbol * step
    INTEGERS = 1  # the values themselves, within int32
    VERBATIM = 2  # the elements bit for bit


@dataclass(frozen=True)
class FactorRecord:
    """How one factor is stored.

    Attributes:
        dtype: of the factor's elements; float32 for a quantized factor of a factored weight.
        form: see `Form`.
        scan: axis order, a name of `SCANS`.
        step_axes: axes along which the step varies; None for the factorization's default.
        stream: which payload of the chunk holds it, or its first band.
        bands: number of bands of rows, in as many consecutive streams.
    """

    dtype: np.dtype
    form: Form
    scan: str = "as_is"
    step_axes: tuple[int, ...] | None = None
    stream: int = 0
    bands: int = 1


@dataclass(frozen=True)
class TensorRecord:
    """How one tensor is stored.

    Attributes:
        dtype: of the decoded tensor.
        shape: of the decoded tensor.
        kind: number of a built-in factorization or name of a user's own.
        params: its parameters, in field order, trailing defaults left out.
        factors: in the order of the factorization.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    kind: int | str
    params: tuple[Param, ...]
    factors: tuple[FactorRecord, ...]

    def to_wire(self) -> list[Any]:
        """The record as plain lists, ints and maps for msgpack."""
        first = self.factors[0]
        options: dict[int, Any] = {}
        if self.kind != DENSE:
            options[KIND] = self.kind
        if self.params:
            options[PARAMS] = [list(p) if isinstance(p, tuple) else p for p in self.params]
        if len(self.factors) > 1 or first.dtype != _default_factor_dtype(self.dtype, first.form, self.kind):
            options[FACTOR_HEADS] = [_head(f.dtype, f.form, f.scan) for f in self.factors]
        if any(f.step_axes is not None for f in self.factors):
            options[STEP_AXES] = [None if f.step_axes is None else _mask(f.step_axes) for f in self.factors]
        if any(f.stream for f in self.factors):
            options[STREAMS] = [f.stream for f in self.factors]
        if any(f.bands > 1 for f in self.factors):
            options[BANDS] = [f.bands for f in self.factors]
        wire = [_head(self.dtype, first.form, first.scan), *self.shape]
        return [*wire, options] if options else wire

    @classmethod
    def from_wire(cls, wire: Any) -> TensorRecord:
        """Parse one record strictly.

        Raises:
            RecordError: a wrong type, a missing or surplus field, a number out of range.
            UnknownDtypeError: a dtype number outside the registry.
        """
        if not isinstance(wire, list) or not wire:
            raise RecordError("a record is a non-empty array")
        options = wire[-1] if isinstance(wire[-1], dict) else {}
        dims = wire[1:-1] if isinstance(wire[-1], dict) else wire[1:]
        if not set(options) <= {KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS}:
            raise RecordError("unknown option in a record")
        shape = tuple(_natural(d, "dimension") for d in dims)
        dtype, form, scan = _parse_head(wire[0])
        kind = _parse_kind(options.get(KIND, DENSE))
        if FACTOR_HEADS in options:
            heads = [_parse_head(h) for h in _list(options[FACTOR_HEADS], "factor heads", MAX_FACTORS)]
            if not heads or heads[0][1:] != (form, scan):
                raise RecordError("the head of a record repeats form and scan of its first factor")
        else:
            heads = [(_default_factor_dtype(dtype, form, kind), form, scan)]
        axes = _parse_per_factor(options, STEP_AXES, len(heads), _parse_mask)
        streams = _parse_per_factor(options, STREAMS, len(heads), lambda s: _natural(s, "stream"))
        bands = _parse_per_factor(options, BANDS, len(heads), _parse_bands)
        factors = tuple(
            FactorRecord(*head, step_axes=a, stream=s or 0, bands=b or 1)
            for head, a, s, b in zip(heads, axes, streams, bands, strict=True)
        )
        params = tuple(_parse_param(p) for p in _list(options.get(PARAMS, []), "parameters", MAX_PARAMS))
        return cls(dtype, shape, kind, params, factors)


def _default_factor_dtype(dtype: np.dtype, form: Form, kind: int | str) -> np.dtype:
    """A lone factor has the tensor's dtype, but a quantized factor of a factored weight is float32."""
    return np.dtype(np.float32) if kind != DENSE and form is Form.QUANTIZED else dtype


def _head(dtype: np.dtype, form: Form, scan: str) -> int:
    return number_of(dtype) + 16 * form + 64 * SCANS[scan][0]


def _parse_head(head: Any) -> tuple[np.dtype, Form, str]:
    head = _natural(head, "head")
    form = head // 16 % 4
    if form not in tuple(Form):
        raise RecordError(f"no form has number {form}")
    return dtype_of(head % 16), Form(form), scan_name(head // 64)


def _parse_kind(kind: Any) -> int | str:
    if isinstance(kind, bool) or not isinstance(kind, int | str):
        raise RecordError("a kind is a number or a name")
    return kind


def _parse_param(param: Any) -> Param:
    if isinstance(param, list):
        return tuple(_integer(p, "parameter") for p in _list(param, "parameter", MAX_PARAMS))
    return param if isinstance(param, str) else _integer(param, "parameter")


def _parse_mask(mask: Any) -> tuple[int, ...] | None:
    if mask is None:
        return None
    bits = _natural(mask, "step axes")
    if bits >= 1 << MAX_AXES:
        raise RecordError(f"step axes beyond axis {MAX_AXES - 1}")
    return tuple(axis for axis in range(MAX_AXES) if bits >> axis & 1)


def _parse_bands(bands: Any) -> int:
    if not 1 <= _integer(bands, "bands") <= MAX_BANDS:
        raise RecordError(f"bands: {bands} is not in 1..{MAX_BANDS}")
    return int(bands)


def _parse_per_factor(options: dict[int, Any], key: int, count: int, parse: Any) -> list[Any]:
    if key not in options:
        return [None] * count
    values = _list(options[key], "a list with one entry a factor", MAX_FACTORS)
    if len(values) != count:
        raise RecordError(f"option {key} has {len(values)} entries for {count} factors")
    return [parse(v) for v in values]


def _mask(axes: tuple[int, ...]) -> int:
    return sum(1 << axis for axis in axes)


def _list(value: Any, what: str, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise RecordError(f"{what}: expected an array, found {type(value).__name__}")
    if len(value) > most:
        raise RecordError(f"{what}: {len(value)} entries, {most} at most")
    return value


def _integer(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordError(f"{what}: expected an integer, found {type(value).__name__}")
    return value


def _natural(value: Any, what: str) -> int:
    if _integer(value, what) < 0:
        raise RecordError(f"{what}: {value} is negative")
    return int(value)
