"""The four hops of one chunk, inwards: payloads -> symbols -> factors -> weights (format_spec/wcz.md, streams).

The mirror of `encoder`. Everything that a record claims is checked before a payload is touched; then the streams
are independent jobs, and the weights are rebuilt one after another.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..coders import find_coder
from ..container import Limits, TensorChunk, layout
from ..container.memory import give_back
from ..dtypes import is_float
from ..errors import FactorizationError, LimitError, RecordError, SymbolError, naming
from ..factorizations import Factorization, find_factorization
from ..factorizations.wire import from_params
from ..quantize import MAX_SYMBOL, step_values
from ..records import DENSE, TensorRecord
from ..scans import from_scan
from .assembly import Assembly
from .coded import CodedFactor
from .encoder import band_rows
from .joining import join_factors
from .stream_jobs import Factor, StreamJob, split_steps


class QuantizedTensor(NamedTuple):
    """A tensor as integers and steps, for runtimes that compute in integers: value = float32(symbol) * step.

    Attributes:
        symbols: int8, int16 or int32, the narrowest that holds them, in the tensor's shape.
        steps: float32, of extent 1 along the axes that share a step.
    """

    symbols: np.ndarray
    steps: np.ndarray


class Factored(NamedTuple):
    """A decoded tensor before it is rebuilt.

    Attributes:
        factorization: how the factors make the weight.
        factors: name -> array, float32 or float64, and int64; checked.
        record: of the tensor.
    """

    factorization: Factorization
    factors: dict[str, np.ndarray]
    record: TensorRecord

    def weight(self) -> np.ndarray:
        """The weight."""
        return rebuild(self.factorization, self.factors, self.record)


def decode_chunk(chunk: TensorChunk, limits: Limits) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of one chunk, rebuilt one after another.

    Raises:
        WczError: naming the tensor where one is at fault. Sizes are checked before anything is allocated.
    """
    opened = OpenedChunk(chunk, limits)
    return opened.rebuild(opened.decoded())


def decoding_nbytes(records: Sequence[TensorRecord], nbytes: int) -> int:
    """A bound of what decoding a chunk takes: its payloads, the symbols of a stream, factors, and the tensors.

    Args:
        records: of the chunk.
        nbytes: of the chunk.
    """
    total = nbytes
    for record in records:
        weight = math.prod(record.shape)
        if record.kind == DENSE:
            largest = math.ceil(weight / record.factors[0].bands)
            total += 4 * largest + (4 if record.dtype.itemsize <= 4 else 8) * weight
        else:
            factorization = from_params(find_factorization(record.kind), record.shape, record.params)
            total += 8 * weight + 16 * sum(map(math.prod, factorization.factor_shapes.values()))
        if record.dtype != np.float32:  # what is computed with is float32
            total += 4 * weight
    return total


class OpenedChunk:
    """A chunk whose records are checked and whose streams wait to be decoded.

    Attributes:
        jobs: one a stream, in the order of the chunk.
        factorizations: one a tensor, in the order of the chunk.
    """

    def __init__(self, chunk: TensorChunk, limits: Limits, differences: Container[str] = ()) -> None:
        """`differences`: names of tensors whose arrays are differences from a base (format_spec/delta.md)."""
        self._chunk = chunk
        self.factorizations, factors = join_factors(chunk, limits, differences)
        pieces: list[list[tuple[Factor, int]]] = [[] for _ in chunk.streams]
        for factor in factors:
            for band in range(factor.record.bands):
                pieces[factor.record.stream + band].append((factor, band))
        self.jobs = [self._job(number, mine) for number, mine in enumerate(pieces)]
        self._growing: dict[int, Assembly] = {}

    def decoded(self) -> Iterator[list[np.ndarray]]:
        """What the jobs give, one after another; the memory of a payload goes back to the system after its job."""
        left = self._chunk.payload_nbytes + layout.CRC_BYTES
        for job in self.jobs:
            arrays = job.decode_scaled(self._room(job))
            left -= len(job.payload)
            give_back(job.payload, left)
            yield arrays

    def rebuild(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
        """Name and weight of each tensor from what the jobs gave, in the order of `jobs`."""
        for position, (name, factors) in enumerate(self._values(results)):
            with self._blame(position):
                weight = rebuild(self.factorizations[position], factors, self._chunk.records[position])
            factors.clear()  # garbage now, unless the weight is one of them
            yield name, weight
            del weight  # the caller's

    def factored(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[str, Factored]]:
        """As `rebuild`, but the factors as they are, checked, for whoever does not need the weight itself."""
        for position, (name, factors) in enumerate(self._values(results)):
            factorization, record = self.factorizations[position], self._chunk.records[position]
            with self._blame(position):
                factorization.check(factors)
            yield name, Factored(factorization, widened(factors, record), record)

    def factors(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[int, CodedFactor]]:
        """Position of the tensor and factor as it was coded, as soon as its last band is there."""
        whole: dict[int, np.ndarray] = {}
        for factor, band, piece, codes in self._bands(results):
            array, count = piece, factor.record.bands
            if count > 1:
                array = whole.setdefault(id(factor), np.empty(*factor.spec)) if band == 0 else whole[id(factor)]
                array[band_rows(factor.spec.shape, count)[band]] = piece
            if band == count - 1:
                whole.pop(id(factor), None)
                values = from_scan(array, factor.record.scan)
                yield factor.tensor, CodedFactor(factor.name, factor.record, values, codes)

    def _values(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Name and factors of each tensor, all of the chunk restored before the first."""
        values: list[dict[str, np.ndarray]] = [{} for _ in self._chunk.records]
        growing = self._growing
        for factor, band, piece, codes in self._bands(results):
            with self._blame(factor.tensor):
                if band == 0:
                    growing[id(factor)] = Assembly(factor.name, factor.shape, factor.record, codes)
                growing[id(factor)].put(band, piece)
            del piece  # before the next one is decoded
            if band == factor.record.bands - 1:
                values[factor.tensor][factor.name] = growing.pop(id(factor)).value
        for position, name in enumerate(self._chunk.names):
            yield name, values[position]
            values[position] = {}

    def _bands(
        self, results: Iterable[list[np.ndarray]]
    ) -> Iterator[tuple[Factor, int, np.ndarray, np.ndarray | None]]:
        """Factor, band, its array and the factor's step codes; `results` in the order of `jobs`."""
        steps: dict[int, np.ndarray] = {}
        for job, arrays in zip(self.jobs, results, strict=True):
            if job.stepped:
                codes = split_steps(arrays.pop(0), job.stepped)
                steps.update((id(f), c) for f, c in zip(job.stepped, codes, strict=True))
            for factor, band in job.pieces:
                yield factor, band, arrays.pop(0), steps.get(id(factor))

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

    def _blame(self, position: int) -> AbstractContextManager[None]:
        """Errors name the tensor."""
        return naming(self._chunk.names[position])

    def _room(self, job: StreamJob) -> np.ndarray | None:
        """Where a stream's symbols may be decoded to: the place of the values of a band, in a factor that grows."""
        if len(job.pieces) != 1 or job.pieces[0][1] == 0 or id(job.pieces[0][0]) not in self._growing:
            return None
        factor, band = job.pieces[0]
        return self._growing[id(factor)].room(band)

    def _job(self, number: int, pieces: list[tuple[Factor, int]]) -> StreamJob:
        names = self._chunk.names
        blame = names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"
        stream = self._chunk.streams[number]
        with naming(blame):
            job = StreamJob(find_coder(stream.coder), stream.payload, pieces, blame)
            if not all(job.coder.accepts(spec.dtype) for spec in job.specs):
                raise RecordError(f"coder {job.coder.name} does not carry these dtypes")
        return job


def restore(factor: CodedFactor) -> np.ndarray:
    """The third hop: the factor's values from what its coder carried.

    Raises:
        SymbolError, StepCodeError: out of the range that their place allows.
    """
    whole = replace(factor.record, scan="as_is", bands=1)  # in its own order already, and in one piece
    assembly = Assembly(factor.name, factor.array.shape, whole, factor.codes)
    assembly.put(0, factor.array)
    return assembly.value


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
    factors = widened(factors, record)
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


def widened(factors: dict[str, np.ndarray], record: TensorRecord) -> dict[str, np.ndarray]:
    """The factors in the dtypes that a factorization computes in."""
    return factors if record.kind == DENSE else {name: _widened(value) for name, value in factors.items()}


def _widened(values: np.ndarray) -> np.ndarray:
    """Arithmetic on factors is float32 or float64 and int64: the narrower ones are widened exactly."""
    if not is_float(values.dtype):
        return values.astype(np.int64)
    return values.astype(np.float32) if values.dtype.itemsize < 4 else values
