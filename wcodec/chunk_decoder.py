"""The four hops of one chunk, inwards: payloads -> symbols -> factors -> weights (format_spec/wcz.md, streams).

The mirror of `chunk_encoder`. Everything that a record claims is checked before a payload is touched; then the streams
are independent jobs, and the weights are rebuilt one after another.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .chunk_encoder import band_rows, step_shape
from .coded import CodedFactor
from .coders import ArraySpec, Coder, find_coder
from .container import Limits, TensorChunk, layout
from .container.memory import give_back
from .dtypes import is_float
from .errors import FactorizationError, LimitError, RecordError, WczError
from .factor_decoder import Assembly
from .factorizations import Factorization, find_factorization
from .factorizations.wire import from_params
from .records import DENSE, FactorRecord, Form, TensorRecord
from .scans import from_scan, scanned_shape

INT32 = np.dtype(np.int32)


@dataclass(frozen=True)
class _Factor:
    """A factor record joined with what its factorization says of it."""

    tensor: int
    name: str
    shape: tuple[int, ...]
    record: FactorRecord
    step_shape: tuple[int, ...]
    is_difference: bool

    @property
    def spec(self) -> ArraySpec:
        """The whole factor as coders see it."""
        dtype = self.record.dtype if self.record.form is Form.VERBATIM else INT32
        if self.is_difference and self.record.form is Form.VERBATIM:
            dtype = np.dtype(f"i{dtype.itemsize}")  # of the bits
        return ArraySpec(scanned_shape(self.shape, self.record.scan), dtype)

    def band_spec(self, band: int) -> ArraySpec:
        """The rows of one band as their coder sees them."""
        whole = self.spec
        if self.record.bands == 1:
            return whole
        rows = band_rows(whole.shape, self.record.bands)[band]
        return ArraySpec((rows.stop - rows.start, *whole.shape[1:]), whole.dtype)


class StreamJob(NamedTuple):
    """One stream that waits to be decoded; independent of all others, so any thread may do it.

    Attributes:
        coder: of the stream.
        payload: of the stream.
        specs: of its arrays: step codes first where it has any.
        blame: tensor to name where the payload is at fault.
    """

    coder: Coder
    payload: bytes | memoryview
    specs: list[ArraySpec]
    blame: str

    def decode(self, into: np.ndarray | None = None) -> list[np.ndarray]:
        """The arrays; `into` as `Coder.decode` takes it.

        Raises:
            PayloadError: naming the tensor.
            LimitError: the declared arrays do not fit in memory.
        """
        try:
            return self.coder.decode(self.payload, self.specs, into)
        except WczError as e:
            raise e.about(self.blame) from e
        except MemoryError as e:
            raise LimitError("not enough memory for the declared arrays", tensor=self.blame) from e


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
        self.factorizations, factors = _join(chunk, limits, differences)
        # stream number -> the factors that have a band in it, and which band
        self._pieces: list[list[tuple[_Factor, int]]] = [[] for _ in chunk.streams]
        for factor in factors:
            for band in range(factor.record.bands):
                self._pieces[factor.record.stream + band].append((factor, band))
        self.jobs = [self._job(number) for number in range(len(chunk.streams))]
        self._growing: dict[int, Assembly] = {}

    def decoded(self) -> Iterator[list[np.ndarray]]:
        """What the jobs give, one after another; the memory of a payload goes back to the system after its job."""
        left = self._chunk.payload_nbytes + layout.CRC_BYTES
        for number, job in enumerate(self.jobs):
            arrays = job.decode(self._room(number))
            left -= len(job.payload)
            give_back(job.payload, left)
            yield arrays

    def rebuild(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
        """Name and weight of each tensor from what the jobs gave, in the order of `jobs`."""
        for position, (name, factors) in enumerate(self._values(results)):
            try:
                weight = rebuild(self.factorizations[position], factors, self._chunk.records[position])
            except WczError as e:
                raise e.about(name) from e
            factors.clear()  # garbage now, unless the weight is one of them
            yield name, weight
            del weight  # the caller's

    def factored(self, results: Iterable[list[np.ndarray]]) -> Iterator[tuple[str, Factored]]:
        """As `rebuild`, but the factors as they are, checked, for whoever does not need the weight itself."""
        for position, (name, factors) in enumerate(self._values(results)):
            factorization, record = self.factorizations[position], self._chunk.records[position]
            try:
                factorization.check(factors)
            except WczError as e:
                raise e.about(name) from e
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
            try:
                if band == 0:
                    growing[id(factor)] = Assembly(factor.name, factor.shape, factor.record, codes)
                growing[id(factor)].put(band, piece)
            except WczError as e:
                raise e.about(self._chunk.names[factor.tensor]) from e
            del piece  # before the next one is decoded
            if band == factor.record.bands - 1:
                values[factor.tensor][factor.name] = growing.pop(id(factor)).value
        for position, name in enumerate(self._chunk.names):
            yield name, values[position]
            values[position] = {}

    def _bands(
        self, results: Iterable[list[np.ndarray]]
    ) -> Iterator[tuple[_Factor, int, np.ndarray, np.ndarray | None]]:
        """Factor, band, its array and the factor's step codes; `results` in the order of `jobs`."""
        steps: dict[int, np.ndarray] = {}
        for number, arrays in enumerate(results):
            stepped = self._stepped(number)
            if stepped:
                codes = _split_steps(arrays.pop(0), stepped)
                steps.update((id(f), c) for f, c in zip(stepped, codes, strict=True))
            for factor, band in self._pieces[number]:
                yield factor, band, arrays.pop(0), steps.get(id(factor))

    def _room(self, number: int) -> np.ndarray | None:
        """Where a stream's symbols may be decoded to: the place of the values of a band, in a factor that grows."""
        pieces = self._pieces[number]
        if len(pieces) != 1 or pieces[0][1] == 0 or id(pieces[0][0]) not in self._growing:
            return None
        factor, band = pieces[0]
        return self._growing[id(factor)].room(band)

    def _job(self, number: int) -> StreamJob:
        names = self._chunk.names
        blame = names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"
        stream = self._chunk.streams[number]
        try:
            coder = find_coder(stream.coder)
            steps = sum(math.prod(f.step_shape) for f in self._stepped(number))
            specs = [ArraySpec((steps,), INT32)] * bool(self._stepped(number))
            specs += [factor.band_spec(band) for factor, band in self._pieces[number]]
            if not all(coder.accepts(spec.dtype) for spec in specs):
                raise RecordError(f"coder {coder.name} does not carry these dtypes")
        except WczError as e:
            raise e.about(blame) from e
        return StreamJob(coder, stream.payload, specs, blame)

    def _stepped(self, number: int) -> list[_Factor]:
        """The quantized factors whose step codes a stream holds."""
        return [f for f, band in self._pieces[number] if band == 0 and f.record.form is Form.QUANTIZED]


def _join(chunk: TensorChunk, limits: Limits, differences: Container[str]) -> tuple[list[Factorization], list[_Factor]]:
    factorizations: list[Factorization] = []
    factors: list[_Factor] = []
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
) -> Iterator[_Factor]:
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
            yield _Factor(position, name, shape, factor, (), is_difference)
            continue
        axes = factorization.step_axes.get(name, ()) if factor.step_axes is None else factor.step_axes
        if any(axis >= len(shape) for axis in axes):
            raise RecordError(f"step axes {axes} of factor {name!r} exceed its shape {shape}")
        yield _Factor(position, name, shape, factor, step_shape(shape, axes), is_difference)


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


def _split_steps(differences: np.ndarray, factors: list[_Factor]) -> list[np.ndarray]:
    codes = np.cumsum(differences.astype(np.int64))
    ends = np.cumsum([math.prod(factor.step_shape) for factor in factors])
    pieces = np.split(codes, ends[:-1])
    return [piece.reshape(factor.step_shape) for piece, factor in zip(pieces, factors, strict=True)]


def restore(factor: CodedFactor) -> np.ndarray:
    """The third hop: the factor's values from what its coder carried.

    Raises:
        SymbolError, StepCodeError: out of the range that their place allows.
    """
    whole = replace(factor.record, scan="as_is", bands=1)  # in its own order already, and in one piece
    assembly = Assembly(factor.name, factor.array.shape, whole, factor.codes)
    assembly.put(0, factor.array)
    return assembly.value


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
