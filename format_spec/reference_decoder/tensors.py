"""Arrays of a stream, and the tensors that they make (wcz.md, section 5.3)."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from .coders import CODERS
from .delta import add_difference, carried_dtype, join_base
from .elements import (
    DTYPES,
    FLOAT32,
    FLOATS,
    INT32,
    INTEGERS,
    QUANTIZED,
    UINT64,
    VERBATIM,
    from_integers,
    from_verbatim,
)
from .errors import LIMIT, RECORD, UNKNOWN_CODER, require
from .factorizations import KINDS, factors_of, rebuild
from .quantization import step
from .records import DENSE, Factor, Record

if TYPE_CHECKING:
    from .file import File


def read_tensors(records: list[Record], streams: list[tuple[int, bytes]], file: File) -> list[np.ndarray]:
    check_sizes(records, file)
    for record in records:
        join_base(record)
    factors = [factor for record in records for factor in record.factors]
    within = all(factor.stream + factor.bands <= len(streams) for factor in factors)
    require(within, RECORD, "a stream that the chunk does not have")
    require(len(records) == 1 or all(factor.bands == 1 for factor in factors), RECORD, "bands in a shared chunk")
    for number, (coder, payload) in enumerate(streams):
        bands = [(factor, number - factor.stream) for factor in factors]
        read_stream(coder, payload, [(factor, band) for factor, band in bands if 0 <= band < factor.bands])
    for factor in factors:
        restore(factor)
    return [rebuild(record) for record in records]


def check_sizes(records: list[Record], file: File) -> None:
    """Everything that a record declares is checked before anything of that size is made."""
    elements = 0
    for record in records:
        require(len(record.shape) <= file.limits["rank"], LIMIT, "rank")
        require(extent(record.shape) <= file.limits["elements"], LIMIT, "elements")
        file.total_nbytes += math.prod(record.shape) * DTYPES[record.dtype].itemsize
        require(file.total_nbytes <= file.limits["total_nbytes"], LIMIT, "total_nbytes")
        join_factors(record)
        stored = sum(extent(f.shape) + extent(f.step_shape) for f in record.factors)
        elements += max(extent(record.shape), stored)
        require(elements <= file.limits["elements"], LIMIT, "elements")


def extent(shape: tuple) -> int:
    return math.prod(max(n, 1) for n in shape)


def join_factors(record: Record) -> None:
    """Give the factors of a record their names and shapes, and hold dtypes and forms to the kind."""
    dense = record.kind == DENSE
    shapes, default_axes, integer_factors = factors_of(record, KINDS)
    require(len(shapes) == len(record.factors), RECORD, "another number of factors than the kind has")
    require(dense or record.dtype in FLOATS, RECORD, "a factored weight is of floats")
    for factor, (name, shape) in zip(record.factors, shapes.items(), strict=True):
        integer = factor.dtype not in FLOATS
        factor.name, factor.shape = name, shape
        if dense:
            require(factor.dtype == record.dtype, RECORD, "a dense factor has the dtype of its tensor")
        else:
            require(integer == (name in integer_factors), RECORD, "a factor of floats for integers, or the reverse")
            require(factor.dtype != UINT64, RECORD, "an integer factor is no uint64")
            require(factor.form != QUANTIZED or factor.dtype == FLOAT32, RECORD, "a quantized factor is float32")
        require(factor.form != (QUANTIZED if integer else INTEGERS), RECORD, "a form that the dtype does not have")
        if factor.form == QUANTIZED:
            axes = default_axes.get(name, []) if factor.step_axes is None else factor.step_axes
            require(all(axis < len(shape) for axis in axes), RECORD, "step axes beyond the rank")
            factor.step_shape = tuple(n if axis in axes else 1 for axis, n in enumerate(shape))
        else:
            require(factor.step_axes is None, RECORD, "step axes of a factor without steps")


def scan_order(scan: int, rank: int) -> list[int]:
    axes = list(range(rank))
    if scan == 1 and rank >= 2:
        return [rank - 1, rank - 2, *axes[:-2]]
    if scan == 2 and rank >= 2:
        return [rank - 2, rank - 1, *axes[:-2]]
    if scan == 3 and rank >= 1:
        return [rank - 1, *axes[:-1]]
    return axes


def read_stream(coder: int, payload: bytes, pieces: list[tuple[Factor, int]]) -> None:
    """Decode a stream: the step codes of the factors that begin in it, and of each factor the band that it holds."""
    quantized = [f for f, band in pieces if f.form == QUANTIZED and band == 0]
    specs = [((sum(math.prod(f.step_shape) for f in quantized),), INT32)] if quantized else []
    specs += [(band_shape(f, band), carried_dtype(f)) for f, band in pieces]
    require(coder in CODERS, UNKNOWN_CODER, "an unknown coder")
    accepted, decode_payload = CODERS[coder]
    require(all(dtype in accepted for _, dtype in specs), RECORD, "a dtype that the coder does not carry")
    arrays = decode_payload(payload, specs)
    codes = list(accumulate(arrays.pop(0).tolist())) if quantized else []
    for f in quantized:
        count = math.prod(f.step_shape)
        f.codes = codes[:count] if f.base is None else [a + b for a, b in zip(codes, f.base.codes, strict=False)]
        f.steps = np.array([step(code) for code in f.codes], np.float32).reshape(f.step_shape)
        codes = codes[count:]
    for (f, _), seen in zip(pieces, arrays, strict=True):
        f.seen.append(seen)


def band_shape(f: Factor, band: int) -> tuple[int, ...]:
    """Shape of one band of a factor's array; of the whole array where there is one band."""
    shape = tuple(f.shape[axis] for axis in scan_order(f.scan, len(f.shape)))
    if f.bands == 1:
        return shape
    require(shape and f.bands <= shape[0], RECORD, "more bands than rows")
    return ((band + 1) * shape[0] // f.bands - band * shape[0] // f.bands, *shape[1:])


def restore(f: Factor) -> None:
    """`f.values` from the bands that the streams gave."""
    seen = f.seen[0] if f.bands == 1 else np.concatenate(f.seen)
    order = scan_order(f.scan, len(f.shape))
    values = np.ascontiguousarray(seen.transpose(np.argsort(order).astype(int))).reshape(f.shape)
    f.array = values = values if f.base is None else add_difference(values, f)
    f.values = from_verbatim(values) if f.form == VERBATIM else from_integers(values, DTYPES[f.dtype])
    if f.form == QUANTIZED:
        f.values = np.asarray(f.values.astype(np.float32) * f.steps)
