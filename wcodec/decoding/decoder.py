"""Reading weights back: decode, stream, safe_open, verify."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from ..chunks.decoder import Factored, OpenedChunk, QuantizedTensor, decode_chunk, decoding_nbytes
from ..chunks.side_by_side import decoded
from ..chunks.stream_jobs import StreamJob
from ..container import DEFAULT_LIMITS, Limits, RandomAccess, Reader, TensorChunk
from ..container.frames import expect_nothing_more
from ..container.random_access import Location
from ..sources import open_forward, open_random
from .details import ChunkSize, DecodingNeed, TensorDetails, chunk_details
from .prefetch import ahead


def decode(src: Any, *, base: Any = None, limits: Limits = DEFAULT_LIMITS, threads: int = 1) -> dict[str, np.ndarray]:
    """All tensors of a file, in model order.

    Args:
        src: path, URL, bytes or readable binary file object (a pipe will do).
        base: of a delta file, the model file that it is a difference from; see `wcodec.delta` for chains.
        limits: what the file may ask for.
        threads: that decode; each has a chunk in memory.

    Raises:
        BaseMissingError, BaseMismatchError: a delta file without its base.
        WczError: a damaged or hostile file; the message names the tensor and the rule.
    """
    if base is not None:
        from ..delta import read_chain  # most decoders never meet one

        return read_chain(base, src, limits=limits, threads=threads).weights()
    with open_forward(src) as file:
        reader = Reader(file, limits)
        tensors = dict(_tensors(reader, limits, threads))
        if file is not src:
            expect_nothing_more(file)
    return {name: tensors[name] for name, _ in reader.names}


def stream(
    src: Any, *, limits: Limits = DEFAULT_LIMITS, threads: int = 1, prefetch: int = 0
) -> Iterator[tuple[str, np.ndarray]]:
    """Tensors one by one, in file order; memory is that of one tensor and of a payload that shrinks as it grows.

    File order is model order, but that small tensors arrive together, before the first of them is needed. Each
    chunk is verified before its tensors are yielded; an error at the end (a wrong digest) comes after them.

    Args:
        src: path, URL, bytes or readable binary file object: a pipe, or a `wcodec.sources.Timed` one.
        limits: what the file may ask for.
        threads: that decode; each has a chunk in memory.
        prefetch: tensors that a thread reads and decodes while the caller works with those before; each is in memory.

    Raises:
        WczError: a damaged, hostile or incomplete file; names the tensor in which it ended.
    """
    tensors = _stream(src, limits, threads)
    return ahead(tensors, prefetch) if prefetch > 0 else tensors


def _stream(src: Any, limits: Limits, threads: int) -> Generator[tuple[str, np.ndarray], None, None]:
    with open_forward(src) as file:
        yield from _tensors(Reader(file, limits), limits, threads)
        if file is not src:
            expect_nothing_more(file)


def decode_quantized(src: Any, *, limits: Limits = DEFAULT_LIMITS) -> dict[str, QuantizedTensor | np.ndarray]:
    """All tensors of a file, in model order, those that are stored as integers and steps left so.

    Args:
        src: path, bytes or readable binary file object.
        limits: what the file may ask for.

    Returns:
        A `QuantizedTensor` for each quantized tensor without a factorization, for runtimes that compute in integers;
        the others as `decode` gives them.

    Raises:
        WczError: as `decode`.
    """
    tensors: dict[str, QuantizedTensor | np.ndarray] = {}
    with open_forward(src) as file:
        reader = Reader(file, limits)
        for chunk in _bounded(reader, limits):
            opened = OpenedChunk(chunk, limits)
            tensors.update(opened.rebuild_quantized(job.decode() for job in opened.jobs))
        if file is not src:
            expect_nothing_more(file)
    return {name: tensors[name] for name, _ in reader.names}


def safe_open(src: Any, *, limits: Limits = DEFAULT_LIMITS) -> WczFile:
    """Open a file for random access; use as a context manager or close it.

    Of a URL only the names, the index, and the chunks of the tensors that are asked for are transferred. A server that
    sends whole files only gets a NoRangesWarning, and all of the file is transferred into a temporary one.

    Raises:
        UnsupportedTypeError: the source cannot seek: use `stream`.
    """
    return WczFile(src, limits)


class Verified(NamedTuple):
    """What `verify` found in a sound file."""

    tensors: int
    nbytes_decoded: int
    digest: bool


def verify(src: Any, *, limits: Limits = DEFAULT_LIMITS, threads: int = 1) -> Verified:
    """Check every CRC, the digest if there is one, and decode every tensor; WczError at the first fault."""
    with open_forward(src) as file:
        reader = Reader(file, limits)
        count = nbytes = 0
        for _, array in _tensors(reader, limits, threads):
            count += 1
            nbytes += array.nbytes
        if file is not src:
            expect_nothing_more(file)
    return Verified(count, nbytes, reader.has_digest)


class WczFile(Mapping[str, np.ndarray]):
    """An open file: name -> tensor, decoded on access. Made by `safe_open`."""

    def __init__(self, src: Any, limits: Limits) -> None:
        self._limits = limits
        self._label = type(src).__name__ if isinstance(src, bytes | bytearray | memoryview) else str(src)
        with ExitStack() as stack:
            file = stack.enter_context(open_random(src))
            self._access = RandomAccess(file, limits)
            self._group: dict[str, np.ndarray] = {}  # tensors of the group chunk that was decoded last
            self._group_offset = 0
            self._stack = stack.pop_all()

    def keys(self) -> Any:
        """Names in model order."""
        return self._access.names

    def get_tensor(self, name: str) -> np.ndarray:
        """Decode one tensor; KeyError for an unknown name."""
        location = self._access.locate(name)
        if len(location.names) == 1:
            return dict(decode_chunk(self._access.chunk_at(location), self._limits))[name]
        if location.offset != self._group_offset:  # neighbours in a group are usually asked for next
            self._group = dict(decode_chunk(self._access.chunk_at(location), self._limits))
            self._group_offset = location.offset
        return self._group[name].copy()

    def get_factors(self, name: str) -> np.ndarray | Factored:
        """Decode one tensor, but leave it as its factors; the tensor itself where it shares its chunk.

        Raises:
            KeyError: an unknown name.
        """
        location = self._access.locate(name)
        if len(location.names) > 1:
            return self.get_tensor(name)
        opened = OpenedChunk(self._access.chunk_at(location), self._limits)
        return next(found for _, found in opened.factored(opened.decoded()))

    def needs(self) -> dict[str, DecodingNeed]:
        """What decoding each tensor takes, in model order, by the manifests alone, which are not verified for it."""
        return {name: self._need(self._access.locate(name), name) for name in self.keys()}

    def _need(self, location: Location, name: str) -> DecodingNeed:
        records = self._access.records_at(location)
        record = records[location.names.index(name)]
        return DecodingNeed(record.shape, decoding_nbytes(records, location.nbytes))

    def get_slice(self, name: str, index: Any) -> np.ndarray:
        """`get_tensor(name)[index]` as an array of its own; the whole tensor is decoded for it."""
        return np.array(self.get_tensor(name)[index])

    def metadata(self) -> dict[str, str]:
        """Text stored with the model."""
        return dict(self._access.metadata)

    def graph(self) -> Any:
        """The layer graph, or None in a file without one."""
        return self._access.graph

    def chunk_sizes(self) -> list[ChunkSize]:
        """Name and size of every tensor's chunk, in model order; reads nothing."""
        located = [(name, self._access.locate(name)) for name in self.keys()]
        return [ChunkSize(name, location.nbytes, len(location.names)) for name, location in located]

    def tensor_details(self) -> list[TensorDetails]:
        """One row a tensor, in model order; reads every chunk, decodes none."""
        rows: dict[str, TensorDetails] = {}
        for name in self.keys():
            if name not in rows:
                chunk = self._access.chunk_at(self._access.locate(name))
                rows.update((row.name, row) for row in chunk_details(chunk))
        return [rows[name] for name in self.keys()]

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        return self._access.nbytes

    def close(self) -> None:
        """Close the source if `safe_open` opened it."""
        self._stack.close()

    def __getitem__(self, name: str) -> np.ndarray:
        return self.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._access.names)

    def __len__(self) -> int:
        return len(self._access.names)

    def __enter__(self) -> WczFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"WczFile({self._label!r}, {len(self)} tensors, {self.nbytes:,} bytes)"


def _tensors(reader: Reader, limits: Limits, threads: int) -> Iterator[tuple[str, np.ndarray]]:
    chunks = _bounded(reader, limits)
    if threads == 1:
        for chunk in chunks:
            yield from decode_chunk(chunk, limits)
        return
    waiting = (OpenedChunk(chunk, limits) for chunk in chunks)
    for opened, arrays in decoded(((o, o.jobs) for o in waiting), StreamJob.decode_scaled, threads):
        yield from opened.rebuild(arrays)


def _bounded(reader: Reader, limits: Limits) -> Iterator[TensorChunk]:
    """The reader's chunks while their tensors together stay within the limit."""
    total = 0
    for chunk in reader:
        total += sum(math.prod(record.shape) * record.dtype.itemsize for record in chunk.records)
        limits.check("total_nbytes", total, "decoded bytes")
        yield chunk
