"""The four hops of one chunk, inwards: payloads -> symbols -> factors -> weights (format_spec/wcz.md, streams).

The mirror of `chunk_encoder`. Everything that a record claims is checked before a payload is touched; then the streams
are independent jobs, and the weights are rebuilt one after another.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from .chunk_encoder import band_rows, step_shape
from .coded import CodedFactor
from .coders import find_coder
from .container import Limits, TensorChunk
from .dtypes import is_float
from .errors import FactorizationError, LimitError, RecordError, SymbolError, WczError
from .factorizations import Factorization, find_factorization
from .factorizations.wire import from_params
from .quantize import MAX_SYMBOL, from_symbols, step_values
from .records import DENSE, FactorRecord, Form, TensorRecord
from .scans import from_scan, scanned_shape
from .stream_jobs import Factor, StreamJob, split_steps


class QuantizedTensor(NamedTuple):
    """A tensor as integers and steps, for runtimes that compute in integers: value = float32(symbol) * step.

    Attributes:
        symbols: int8, int16 or int32, the narrowest that holds them, in the tensor's shape.
        steps: float32, of extent 1 along the axes that share a step.
    """

    symbols: np.ndarray
    steps: np.ndarray


def decode_chunk(chunk: TensorChunk, limits: Limits) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of one chunk, rebuilt one after another.

    Raises:
        WczError: naming the tensor where one is at fault. Sizes are checked before anything is allocated.
    """
    opened = OpenedChunk(chunk, limits)
    return opened.rebuild(job.decode_scaled() for job in opened.jobs)


class OpenedChunk:
    """A chunk whose records are checked and whose streams wait to be decoded.

    Attributes:
        jobs: one a stream, in the order of the chunk.
        factorizations: one a tensor, in the order of the chunk.
    """

    def __init__(self, chunk: TensorChunk, limits: Limits, differences: Container[str] = ()) -> None:
        """`differences`: names of tensors whose arrays are differences from a base (format_spec/delta.md)."""
        self._chunk = chunk
        self.factorizations, factors = _join(chunk, limits, differences)
        pieces: list[list[tuple[Factor, int]]] = [[] for _ in chunk.streams]
        for factor in factors:
            for band in range(factor.record.bands):
                pieces[factor.record.stream + band].append((factor, band))
        self.jobs = [self._job(number, mine) for number, mine in enumerate(pieces)]

    def rebuild(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
        """Name and weight of each tensor from what the jobs gave, in the order of `jobs`."""
        values: list[dict[str, Any]] = [{} for _ in self._chunk.records]
        for tensor, factor in self.factors(results):
            with self._blame(tensor):
                values[tensor][factor.name] = restore(factor)
        for position, name in enumerate(self._chunk.names):
            yield name, self._rebuild(position, values)

    def rebuild_quantized(
        self, results: Iterable[list[np.ndarray]]
    ) -> Iterator[tuple[str, QuantizedTensor | np.ndarray]]:
        """The same from symbols, but quantized tensors without a factorization stay integers beside their steps."""
        values: list[dict[str, Any]] = [{} for _ in self._chunk.records]
        kept: dict[int, QuantizedTensor] = {}
        for tensor, factor in self.factors(results):
            with self._blame(tensor):
                if factor.codes is not None and self._chunk.records[tensor].kind == DENSE:
                    kept[tensor] = _quantized(factor.array, factor.codes)
                else:
                    values[tensor][factor.name] = restore(factor)
        for position, name in enumerate(self._chunk.names):
            yield name, kept.pop(position) if position in kept else self._rebuild(position, values)

    def _rebuild(self, position: int, values: list[dict[str, Any]]) -> np.ndarray:
        """One weight; its factors are garbage then."""
        with self._blame(position):
            weight = rebuild(self.factorizations[position], values[position], self._chunk.records[position])
        values[position] = {}
        return weight

    @contextmanager
    def _blame(self, position: int) -> Iterator[None]:
        """Errors name the tensor."""
        try:
            yield
        except WczError as e:
            raise e.about(self._chunk.names[position]) from e

    def _job(self, number: int, pieces: list[tuple[Factor, int]]) -> StreamJob:
        names = self._chunk.names
        blame = names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"
        stream = self._chunk.streams[number]
        try:
            job = StreamJob(find_coder(stream.coder), stream.payload, pieces, blame)
            if not all(job.coder.accepts(spec.dtype) for spec in job.specs):
                raise RecordError(f"coder {job.coder.name} does not carry these dtypes")
        except WczError as e:
            raise e.about(blame) from e
        return job

    def factors(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[int, CodedFactor]]:
        """Position of the tensor and factor, as soon as its last band is there; `results` in the order of `jobs`."""
        steps: dict[int, np.ndarray] = {}
        whole: dict[int, np.ndarray] = {}
        for job, arrays in zip(self.jobs, results, strict=True):
            if job.stepped:
                codes = split_steps(arrays.pop(0), job.stepped)
                steps.update((id(f), c) for f, c in zip(job.stepped, codes, strict=True))
            for (factor, band), array in zip(job.pieces, arrays, strict=True):
                if band == 0:
                    whole[id(factor)] = array if factor.record.bands == 1 else np.empty(*factor.spec)
                if factor.record.bands > 1:
                    rows = band_rows(factor.spec.shape, factor.record.bands)[band]
                    whole[id(factor)][rows] = array
                if band == factor.record.bands - 1:
                    values = from_scan(whole.pop(id(factor)), factor.record.scan)
                    yield factor.tensor, CodedFactor(factor.name, factor.record, values, steps.get(id(factor)))


def _join(chunk: TensorChunk, limits: Limits, differences: Container[str]) -> tuple[list[Factorization], list[Factor]]:
    factorizations: list[Factorization] = []
    factors: list[Factor] = []
    total = 0
    if len(chunk.records) > 1 and any(f.bands > 1 for record in chunk.records for f in record.factors):
        raise RecordError("a factor is cut into bands in a chunk that it shares")
    for position, (name, record) in enumerate(zip(chunk.names, chunk.records, strict=True)):
        try:
            limits.check("elements", _extent(record.shape), "elements")
            factorization = from_params(find_factorization(record.kind), record.shape, record.params)
            mine = list(_join_record(position, record, factorization, name in differences))
            total += max(_extent(record.shape), sum(_extent(f.shape) + _extent(f.step_shape) for f in mine))
            limits.check("elements", total, "elements of the chunk")
        except WczError as e:
            raise e.about(name) from e
        factorizations.append(factorization)
        factors += mine
    return factorizations, factors


def _extent(shape: tuple[int, ...]) -> int:
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


def restore(factor: CodedFactor) -> np.ndarray:
    """The third hop: the factor's values from what its coder carried.

    Raises:
        SymbolError, StepCodeError: out of the range that their place allows.
    """
    array, dtype = factor.array, factor.record.dtype
    if factor.record.form is Form.VERBATIM:
        if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
            raise SymbolError(f"a bool of factor {factor.name!r} is neither 0 nor 1")
        return array
    if factor.codes is not None and array.dtype.kind == "f":  # multiplied by the coder
        return array
    _check_symbols(array)
    if factor.codes is not None:
        return from_symbols(array, factor.codes)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
        raise SymbolError(f"a value of factor {factor.name!r} does not fit {dtype}")
    return array.astype(dtype)


def _quantized(symbols: np.ndarray, codes: np.ndarray) -> QuantizedTensor:
    _check_symbols(symbols)
    largest = int(np.abs(symbols).max(initial=0))
    narrow = np.int8 if largest < 2**7 else np.int16 if largest < 2**15 else np.int32
    return QuantizedTensor(symbols.astype(narrow), step_values(codes))


def _check_symbols(array: np.ndarray) -> None:
    if array.size and array.min() < -MAX_SYMBOL:
        raise SymbolError("a symbol is outside the symmetric int32 range")


def rebuild(factorization: Factorization, factors: dict[str, np.ndarray], record: TensorRecord) -> np.ndarray:
    """The fourth hop: the weight from its factors.

    Raises:
        FactorizationError: factors that the kind does not allow.
        LimitError: there is no memory for the weight.
    """
    factorization.check(factors)
    if record.kind != DENSE:
        factors = {name: _widened(value) for name, value in factors.items()}
    try:
        with np.errstate(all="ignore"):  # overflow to infinity is IEEE's answer and the format's
            weight = np.asarray(factorization.reconstruct(factors))
            if weight.shape != record.shape:
                raise FactorizationError(f"{factorization.kind} rebuilt shape {weight.shape}, not {record.shape}")
            return weight.astype(record.dtype, copy=False)
    except MemoryError as e:
        raise LimitError("not enough memory to rebuild the weight") from e
    except (ValueError, TypeError, IndexError, ArithmeticError) as e:
        raise FactorizationError(f"{factorization.kind} cannot rebuild these factors: {e}") from e


def _widened(values: np.ndarray) -> np.ndarray:
    """Arithmetic on factors is float32 or float64 and int64: the narrower ones are widened exactly."""
    if not is_float(values.dtype):
        return values.astype(np.int64)
    return values.astype(np.float32) if values.dtype.itemsize < 4 else values
