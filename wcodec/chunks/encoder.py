"""The four hops of one chunk, outwards: weights -> factors -> symbols -> payloads, and the records that tell.

A stream of a chunk is one payload of one coder. Its arrays are, in this order (format_spec/wcz.md, streams): the
first differences of the step codes of its quantized factors, where it has any; then each factor's array, in the
order of the records and of the factorization's factors, axes in the order of the factor's scan. A large factor is cut
into bands of rows with a stream each, so that several cores can work on it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..coders import Coder
from ..container import Stream
from ..errors import FactorizationError, StepCodeError, SymbolError, naming
from ..factorizations import FactoredWeight
from ..factorizations.wire import to_params
from ..quantize import MAX_CODE, MAX_SYMBOL, MIN_CODE, from_symbols, to_symbols
from ..records import DENSE, MAX_BANDS, FactorRecord, Form, TensorRecord
from ..scans import to_scan
from .coded import CodedFactor, CodedTensor
from .scan_search import cheapest_scan

if TYPE_CHECKING:  # a decoder has no use for it
    from concurrent.futures import Executor, Future

# A factor with twice as many elements other than zero is cut: each band learns anew, and zeros teach and cost little.
BAND_ELEMENTS = 1 << 20
DRAFTS_AHEAD = 16  # quantized and waiting for an executor


@dataclass(frozen=True)
class Choice:
    """Coders to choose from: the first whose payload is at most `margin` larger than the smallest.

    Attributes:
        coders: in order of preference.
        margin: share of its own size that a preferred coder may waste.
    """

    coders: tuple[Coder, ...]
    margin: float = 0.0

    def encode(self, arrays: Sequence[np.ndarray]) -> Stream:
        """The payload of the chosen coder."""
        streams = [Stream(coder.number, coder.encode(arrays)) for coder in self.coders]
        bound = (1 + self.margin) * min(len(stream.payload) for stream in streams)
        return next(stream for stream in streams if len(stream.payload) <= bound)


class Profile(NamedTuple):
    """How an encoding codes.

    Attributes:
        symbols: coders of symbols and integers.
        verbatim: coders of elements bit for bit.
        band_elements: size of a band.
        scan_coder: whose costs choose the scan of symbols and integers; None keeps the front end's.
    """

    symbols: Choice
    verbatim: Choice
    band_elements: int = BAND_ELEMENTS
    scan_coder: Coder | None = None

    def first_coder(self) -> Profile:
        """The profile that knows the preferred coder of symbols alone; it may be larger, never smaller."""
        return self._replace(symbols=Choice(self.symbols.coders[:1]))


@dataclass(frozen=True)
class ChunkItem:
    """One weight on its way into a chunk.

    Attributes:
        name: of the tensor.
        weight: factors and step codes.
        dtype: of the decoded tensor.
        scan: natural axis order of the factors that are laid out like the weight; that of the others is as they are.
    """

    name: str
    weight: FactoredWeight
    dtype: np.dtype
    scan: str


@dataclass
class StreamJob:
    """One stream that waits to be coded; independent of all others, so any executor may do it."""

    choice: Choice
    steps: list[np.ndarray] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)

    def encode(self) -> Stream:
        """Steps and arrays as one payload."""
        return self.choice.encode([*self._differences(), *self.arrays])

    def _differences(self) -> list[np.ndarray]:
        if not self.steps:
            return []
        return [np.diff(np.concatenate(self.steps), prepend=0).astype(np.int32)]


class Draft(NamedTuple):
    """A chunk before its streams are coded."""

    records: list[TensorRecord]
    jobs: list[StreamJob]


def draft_chunk(items: Sequence[ChunkItem], profile: Profile) -> Draft:
    """Quantize the weights of a chunk and lay out its streams; raises as `store` does."""
    return draft_coded([store(item) for item in items], profile)


def store(item: ChunkItem) -> CodedTensor:
    """The first two hops: the factors of a weight as coders carry them.

    Raises:
        WczError: naming the tensor: NaN in a quantized factor, a symbol beyond int32, ...
    """
    with naming(item.name):
        factors = tuple(_store_factor(item, name) for name in item.weight.factorization.factor_shapes)
    kind, params = to_params(item.weight.factorization)
    records = tuple(factor.record for factor in factors)
    record = TensorRecord(item.dtype, item.weight.factorization.shape, kind, params, records)
    return CodedTensor(record, factors)


def draft_coded(tensors: Sequence[CodedTensor], profile: Profile) -> Draft:
    """Lay out the streams of a chunk."""
    draft = Draft([], [])
    if len(tensors) > 1:  # bands are for a weight that has its chunk to itself
        profile = profile._replace(band_elements=sys.maxsize)
    for tensor in tensors:
        factors = tuple(_draft_factor(factor, profile, draft) for factor in tensor.factors)
        draft.records.append(replace(tensor.record, factors=factors))
    return draft


def encode_chunk(items: Sequence[ChunkItem], profile: Profile) -> tuple[list[TensorRecord], list[Stream]]:
    """Records and payloads of one chunk; raises as `draft_chunk` does."""
    draft = draft_chunk(items, profile)
    return draft.records, [job.encode() for job in draft.jobs]


def coded(drafts: Iterable[Draft], executor: Executor | None) -> Iterator[tuple[list[TensorRecord], list[Stream]]]:
    """Records and streams of each chunk, in order; at most DRAFTS_AHEAD + 1 chunks are drafted and not given yet.

    Args:
        drafts: of the chunks.
        executor: codes the streams; None for the calling thread. The bytes do not depend on it.
    """
    if executor is None:
        for draft in drafts:
            yield draft.records, [job.encode() for job in draft.jobs]
        return
    pending: deque[tuple[list[TensorRecord], list[Future[Stream]]]] = deque()
    for draft in drafts:
        pending.append((draft.records, [executor.submit(job.encode) for job in draft.jobs]))
        if len(pending) > DRAFTS_AHEAD:
            yield _collected(*pending.popleft())
    while pending:
        yield _collected(*pending.popleft())


def _collected(records: list[TensorRecord], futures: list[Future[Stream]]) -> tuple[list[TensorRecord], list[Stream]]:
    return records, [future.result() for future in futures]


def _draft_factor(factor: CodedFactor, profile: Profile, draft: Draft) -> FactorRecord:
    """Add one factor to the draft's streams; its record."""
    verbatim = factor.record.form is Form.VERBATIM
    choice, scan = profile.verbatim if verbatim else profile.symbols, factor.record.scan
    if profile.scan_coder and not verbatim:
        scan = cheapest_scan(factor.array, scan, profile.scan_coder)
    array = to_scan(factor.array, scan)
    bands = _band_count(array, profile.band_elements)
    stream = _first_stream(draft.jobs, choice, bands)
    if factor.codes is not None:
        draft.jobs[stream].steps.append(factor.codes.ravel())
    for band, rows in enumerate(band_rows(array.shape, bands)):
        draft.jobs[stream + band].arrays.append(array[rows] if bands > 1 else array)
    return replace(factor.record, scan=scan, stream=stream, bands=bands)


def _first_stream(jobs: list[StreamJob], choice: Choice, bands: int) -> int:
    """A whole factor joins the stream of its coders, bands get new ones."""
    if bands == 1:
        for number, job in enumerate(jobs):
            if job.choice == choice:
                return number
    jobs.extend(StreamJob(choice) for _ in range(bands))
    return len(jobs) - bands


def _band_count(array: np.ndarray, band_elements: int) -> int:
    if array.size < 2 * band_elements:
        return 1
    worth = int(np.count_nonzero(array)) // band_elements
    return max(1, min(worth, int(array.shape[0]), MAX_BANDS))


def band_rows(shape: tuple[int, ...], bands: int) -> list[slice]:
    """Rows of each band: band i of n holds the rows from floor(i * rows / n) to floor((i + 1) * rows / n)."""
    if bands == 1:
        return [slice(None)]
    return [slice(i * shape[0] // bands, (i + 1) * shape[0] // bands) for i in range(bands)]


def _store_factor(item: ChunkItem, name: str) -> CodedFactor:
    """One factor as its coder carries it."""
    weight = item.weight
    values, shape = weight.factors[name], weight.factorization.factor_shapes[name]
    if values.shape != shape:
        raise FactorizationError(f"factor {name!r} has shape {values.shape}, its factorization says {shape}")
    scan = item.scan if name in weight.factorization.scanned_factors else "as_is"
    if name in weight.step_codes:
        codes = np.asarray(weight.step_codes[name], dtype=np.int64)
        default = weight.factorization.step_axes.get(name, ())
        axes = _axes_of(codes, shape, default)
        symbols = to_symbols(values, codes)
        dtype = item.dtype if weight.factorization.number == DENSE else np.dtype(np.float32)
        _require_range(symbols, codes, dtype)
        record = FactorRecord(dtype, Form.QUANTIZED, scan, None if axes == default else axes)
        return CodedFactor(name, record, symbols, codes.reshape(step_shape(shape, axes)))
    if fits_int32(values):
        return CodedFactor(name, FactorRecord(values.dtype, Form.INTEGERS, scan), values.astype(np.int32), None)
    return CodedFactor(name, FactorRecord(values.dtype, Form.VERBATIM, scan), values, None)


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
