"""The four hops of one chunk, both ways: factors, symbols, payloads, records.

A stream of a chunk is one payload of one coder. Its arrays are, in this order (format_spec/wcz.md, section 5.3):
the first differences of the step codes of its quantized factors, where it has any; then each factor's array, in the
order of the records and of the factorization's factors, axes in the order of the factor's scan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .coders import ArraySpec, Coder, find_coder
from .container import Limits, Stream, TensorChunk
from .dtypes import is_float
from .errors import FactorizationError, LimitError, RecordError, StepCodeError, SymbolError, WczError
from .factorizations import FactoredWeight, Factorization, find_factorization
from .factorizations.wire import from_params, to_params
from .quantize import MAX_CODE, MAX_SYMBOL, MIN_CODE, from_symbols, to_symbols
from .records import DENSE, FactorRecord, Form, TensorRecord
from .scans import from_scan, scanned_shape, to_scan

INT32 = np.dtype(np.int32)


class Profile(NamedTuple):
    """The coders of an encoding: one for symbols and integers, one for elements bit for bit."""

    symbols: Coder
    verbatim: Coder


@dataclass(frozen=True)
class ChunkItem:
    """One weight on its way into a chunk.

    Attributes:
        name: of the tensor.
        weight: factors and step codes.
        dtype: of the decoded tensor.
        scan: axis order of the factors that have the weight's own shape; the others are coded as they are.
    """

    name: str
    weight: FactoredWeight
    dtype: np.dtype
    scan: str


# -- encode --------------------------------------------------------------------------------------------------------


def encode_chunk(items: Sequence[ChunkItem], profile: Profile) -> tuple[list[TensorRecord], list[Stream]]:
    """Records and payloads of one chunk.

    Raises:
        WczError: naming the tensor: NaN in a quantized factor, a symbol beyond int32, ...
    """
    coders: list[Coder] = []
    steps: list[list[np.ndarray]] = []
    arrays: list[list[np.ndarray]] = []
    records = []
    for item in items:
        factors = []
        for name in item.weight.factorization.factor_shapes:
            try:
                factor, array, codes = _store_factor(item, name)
            except WczError as e:
                raise e.about(item.name) from e
            chosen = profile.verbatim if factor.form is Form.VERBATIM else profile.symbols
            if chosen not in coders:
                coders.append(chosen)
                steps.append([])
                arrays.append([])
            stream = coders.index(chosen)
            arrays[stream].append(array)
            steps[stream] += [codes.ravel()] if codes is not None else []
            factors.append(FactorRecord(factor.dtype, factor.form, factor.scan, factor.step_axes, stream))
        kind, params = to_params(item.weight.factorization)
        records.append(TensorRecord(item.dtype, item.weight.factorization.shape, kind, params, tuple(factors)))
    streams = [Stream(c.number, c.encode(_with_steps(s, a))) for c, s, a in zip(coders, steps, arrays, strict=True)]
    return records, streams


def _store_factor(item: ChunkItem, name: str) -> tuple[FactorRecord, np.ndarray, np.ndarray | None]:
    """How a factor is stored, the array that its coder sees, and its step codes if it is quantized."""
    weight = item.weight
    values, shape = weight.factors[name], weight.factorization.factor_shapes[name]
    if values.shape != shape:
        raise FactorizationError(f"factor {name!r} has shape {values.shape}, its factorization says {shape}")
    scan = item.scan if shape == weight.factorization.shape else "as_is"
    if name in weight.step_codes:
        codes = np.asarray(weight.step_codes[name], dtype=np.int64)
        default = weight.factorization.step_axes.get(name, ())
        axes = _axes_of(codes, shape, default)
        symbols = to_symbols(values, codes)
        dtype = item.dtype if weight.factorization.number == DENSE else np.dtype(np.float32)
        _require_range(symbols, codes, dtype)
        record = FactorRecord(dtype, Form.QUANTIZED, scan, None if axes == default else axes)
        return record, to_scan(symbols, scan), codes.reshape(step_shape(shape, axes))
    if fits_int32(values):
        return FactorRecord(values.dtype, Form.INTEGERS, scan), to_scan(values.astype(np.int32), scan), None
    return FactorRecord(values.dtype, Form.VERBATIM, scan), to_scan(values, scan), None


def _require_range(symbols: np.ndarray, codes: np.ndarray, dtype: np.dtype) -> None:
    """SymbolError where rounding carries a value of a narrow dtype over its largest finite number."""
    if dtype.itemsize < 4:
        with np.errstate(over="ignore"):
            finite = bool(np.isfinite(from_symbols(symbols, codes).astype(dtype)).all())
        if not finite:
            raise SymbolError(f"a quantized value exceeds the range of {dtype}; use a smaller step")


def fits_int32(values: np.ndarray) -> bool:
    """Whether `values` are integers or booleans that an integer coder can carry."""
    if values.dtype.kind not in "iub":
        return False
    return not values.size or bool(int(values.min()) >= -MAX_SYMBOL and int(values.max()) <= MAX_SYMBOL)


def step_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the step codes of a factor of `shape` whose step varies along `axes`."""
    return tuple(extent if axis in axes else 1 for axis, extent in enumerate(shape))


def _axes_of(codes: np.ndarray, shape: tuple[int, ...], default: tuple[int, ...]) -> tuple[int, ...]:
    if codes.size and (codes.min() < MIN_CODE or codes.max() > MAX_CODE):
        raise StepCodeError(f"step code outside {MIN_CODE}..{MAX_CODE}")
    if codes.shape == step_shape(shape, default):
        return default
    axes = tuple(axis for axis, extent in enumerate(codes.shape) if extent != 1)
    if codes.size != 1 and codes.shape != step_shape(shape, axes):
        raise StepCodeError(f"step codes of shape {codes.shape} do not fit a factor of shape {shape}")
    return axes if codes.size != 1 else ()


def _with_steps(codes: list[np.ndarray], arrays: list[np.ndarray]) -> list[np.ndarray]:
    if not codes:
        return arrays
    return [np.diff(np.concatenate(codes), prepend=0).astype(np.int32), *arrays]


# -- decode --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Factor:
    """A factor record joined with what its factorization says of it."""

    tensor: int
    name: str
    shape: tuple[int, ...]
    record: FactorRecord
    step_shape: tuple[int, ...]

    @property
    def spec(self) -> ArraySpec:
        dtype = self.record.dtype if self.record.form is Form.VERBATIM else INT32
        return ArraySpec(scanned_shape(self.shape, self.record.scan), dtype)


def decode_chunk(chunk: TensorChunk, limits: Limits) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of one chunk, rebuilt one after another.

    Raises:
        WczError: naming the tensor where one is at fault. Sizes are checked before anything is allocated.
    """
    factorizations, factors = _join(chunk, limits)
    values: list[dict[str, Any]] = [{} for _ in chunk.records]
    for number, stream in enumerate(chunk.streams):
        mine = [f for f in factors if f.record.stream == number]
        for factor, value in zip(mine, _decode_stream(stream, mine, chunk), strict=True):
            values[factor.tensor][factor.name] = value
    for position, (name, record) in enumerate(zip(chunk.names, chunk.records, strict=True)):
        try:
            yield name, _rebuild(factorizations[position], values[position], record)
        except WczError as e:
            raise e.about(name) from e
        values[position] = {}  # the weight is the caller's now, its factors are garbage


def _join(chunk: TensorChunk, limits: Limits) -> tuple[list[Factorization], list[_Factor]]:
    factorizations: list[Factorization] = []
    factors: list[_Factor] = []
    total = 0
    for position, (name, record) in enumerate(zip(chunk.names, chunk.records, strict=True)):
        try:
            limits.check("elements", _extent(record.shape), "elements")
            factorization = from_params(find_factorization(record.kind), record.shape, record.params)
            mine = list(_join_record(position, record, factorization))
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


def _join_record(position: int, record: TensorRecord, factorization: Factorization) -> Iterator[_Factor]:
    shapes = factorization.factor_shapes
    if len(shapes) != len(record.factors):
        raise RecordError(f"{factorization.kind} has {len(shapes)} factors, the record {len(record.factors)}")
    if not is_float(record.dtype) and factorization.number != 0:
        raise RecordError(f"{factorization.kind} gives floats, the record says {record.dtype}")
    for (name, shape), factor in zip(shapes.items(), record.factors, strict=True):
        _check_dtype(name, factor, record, factorization)
        if factor.form is not Form.QUANTIZED:
            if factor.step_axes is not None:
                raise RecordError(f"factor {name!r} has step axes but no steps")
            yield _Factor(position, name, shape, factor, ())
            continue
        axes = factorization.step_axes.get(name, ()) if factor.step_axes is None else factor.step_axes
        if any(axis >= len(shape) for axis in axes):
            raise RecordError(f"step axes {axes} of factor {name!r} exceed its shape {shape}")
        yield _Factor(position, name, shape, factor, step_shape(shape, axes))


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


def _decode_stream(stream: Stream, factors: list[_Factor], chunk: TensorChunk) -> Iterator[np.ndarray]:
    quantized = [f for f in factors if f.record.form is Form.QUANTIZED]
    counts = [math.prod(f.step_shape) for f in quantized]
    specs = [ArraySpec((sum(counts),), INT32)] * bool(quantized) + [f.spec for f in factors]
    blame = chunk.names[0] if len(chunk.names) == 1 else f"{chunk.names[0]} .. {chunk.names[-1]}"
    try:
        coder = find_coder(stream.coder)
        if not all(coder.accepts(spec.dtype) for spec in specs):
            raise RecordError(f"coder {coder.name} does not carry these dtypes")
        arrays = coder.decode(stream.payload, specs)
        steps = iter(_split_steps(arrays.pop(0), quantized, counts) if quantized else ())
    except WczError as e:
        raise e.about(blame) from e
    except MemoryError as e:
        raise LimitError("not enough memory for the declared arrays", tensor=blame) from e
    for factor, array in zip(factors, arrays, strict=True):
        try:
            yield _restore(factor, from_scan(array, factor.record.scan), steps)
        except WczError as e:
            raise e.about(chunk.names[factor.tensor]) from e


def _split_steps(differences: np.ndarray, factors: list[_Factor], counts: list[int]) -> list[np.ndarray]:
    codes = np.cumsum(differences.astype(np.int64))
    pieces = np.split(codes, np.cumsum(counts)[:-1])
    return [piece.reshape(factor.step_shape) for piece, factor in zip(pieces, factors, strict=True)]


def _restore(factor: _Factor, array: np.ndarray, steps: Iterator[np.ndarray]) -> np.ndarray:
    dtype = factor.record.dtype
    if factor.record.form is Form.VERBATIM:
        if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
            raise SymbolError(f"a bool of factor {factor.name!r} is neither 0 nor 1")
        return array
    if array.size and array.min() < -MAX_SYMBOL:
        raise SymbolError("a symbol is outside the symmetric int32 range")
    if factor.record.form is Form.QUANTIZED:
        return from_symbols(array, next(steps))
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
        raise SymbolError(f"a value of factor {factor.name!r} does not fit {dtype}")
    return array.astype(dtype)


def _rebuild(factorization: Factorization, factors: dict[str, np.ndarray], record: TensorRecord) -> np.ndarray:
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
