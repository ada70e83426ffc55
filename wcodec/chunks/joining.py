"""Records meet their factorizations: names, shapes, dtypes and sizes of a chunk's factors, held to the limits."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator

import numpy as np

from ..container import Limits, TensorChunk
from ..dtypes import is_float
from ..errors import RecordError, naming
from ..factorizations import Factorization, find_factorization
from ..factorizations.wire import from_params
from ..records import DENSE, FactorRecord, Form, TensorRecord
from ..scans import scanned_shape
from .encoder import step_shape
from .stream_jobs import Factor


def join_factors(
    chunk: TensorChunk, limits: Limits, differences: Container[str]
) -> tuple[list[Factorization], list[Factor]]:
    """Factorization of each tensor, and all factors in file order, with the dtypes and forms that their kinds allow.

    Args:
        chunk: its records, as they were read.
        limits: on the elements that they announce; checked before anything of that size is made.
        differences: names of the tensors that are differences from a base.

    Raises:
        RecordError, FactorizationError, LimitError: naming the tensor.
    """
    factorizations: list[Factorization] = []
    factors: list[Factor] = []
    total = 0
    if len(chunk.records) > 1 and any(f.bands > 1 for record in chunk.records for f in record.factors):
        raise RecordError("a factor is cut into bands in a chunk that it shares")
    for position, (name, record) in enumerate(zip(chunk.names, chunk.records, strict=True)):
        with naming(name):
            limits.check("elements", extent(record.shape), "elements")
            factorization = from_params(find_factorization(record.kind), record.shape, record.params)
            mine = list(_join_record(position, record, factorization, name in differences))
            total += max(extent(record.shape), sum(extent(f.shape) + extent(f.step_shape) for f in mine))
            limits.check("elements", total, "elements of the chunk")
        factorizations.append(factorization)
        factors += mine
    return factorizations, factors


def extent(shape: tuple[int, ...]) -> int:
    """What a shape counts against the limit; a dimension of 0 counts as 1: it must not hide a huge one beside it."""
    return math.prod(max(extent, 1) for extent in shape)


def _join_record(
    position: int, record: TensorRecord, factorization: Factorization, is_difference: bool
) -> Iterator[Factor]:
    shapes = factorization.factor_shapes
    if len(shapes) != len(record.factors):
        raise RecordError(f"{factorization.kind} has {len(shapes)} factors, the record {len(record.factors)}")
    if not is_float(record.dtype) and factorization.number != 0:
        raise RecordError(f"{factorization.kind} gives floats, the record says {record.dtype}")
    for (name, shape), factor in zip(shapes.items(), record.factors, strict=True):
        _check_dtype(name, factor, record, factorization)
        if factor.bands > 1 and factor.bands > (*scanned_shape(shape, factor.scan), 1)[0]:
            raise RecordError(f"factor {name!r} of shape {shape} has no {factor.bands} bands of rows")
        if factor.form is not Form.QUANTIZED:
            if factor.step_axes is not None:
                raise RecordError(f"factor {name!r} has step axes but no steps")
            yield Factor(position, name, shape, factor, (), is_difference)
            continue
        axes = factorization.step_axes.get(name, ()) if factor.step_axes is None else factor.step_axes
        if any(axis >= len(shape) for axis in axes):
            raise RecordError(f"step axes {axes} of factor {name!r} exceed its shape {shape}")
        yield Factor(position, name, shape, factor, step_shape(shape, axes), is_difference)


def _check_dtype(name: str, factor: FactorRecord, record: TensorRecord, factorization: Factorization) -> None:
    """RecordError unless dtype and form of a factor agree with each other and with its factorization."""
    dense = factorization.number == DENSE
    integer = not is_float(factor.dtype)
    if dense and factor.dtype != record.dtype:
        raise RecordError(f"factor {name!r} of a dense {record.dtype} tensor has dtype {factor.dtype}")
    if not dense and integer is not (name in factorization.integer_factors):
        raise RecordError(f"factor {name!r} of {factorization.kind} has dtype {factor.dtype}")
    if not dense and factor.dtype == np.uint64:
        raise RecordError(f"factor {name!r} of {factorization.kind} has dtype uint64, which int64 does not hold")
    if not dense and factor.form is Form.QUANTIZED and factor.dtype != np.float32:
        raise RecordError(f"quantized factor {name!r} of {factorization.kind} has dtype {factor.dtype}, not float32")
    if factor.form is (Form.QUANTIZED if integer else Form.INTEGERS):
        raise RecordError(f"factor {name!r} of dtype {factor.dtype} cannot be stored as {factor.form.name}")
