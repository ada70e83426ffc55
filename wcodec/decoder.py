"""Reading weights back: decode, stream, safe_open, verify."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from .chunk_decoder import OpenedChunk, QuantizedTensor, decode_chunk
from .coders import find_coder
from .container import DEFAULT_LIMITS, Limits, RandomAccess, Reader, TensorChunk
from .container.files import open_source
from .container.random_access import seekable
from .container.reader import expect_nothing_more
from .delta import read_chain
from .errors import UnsupportedTypeError
from .factorizations import find_factorization


def decode(src: Any, *, base: Any = None, limits: Limits = DEFAULT_LIMITS, threads: int = 1) -> dict[str, np.ndarray]:
    """All tensors of a file, in model order.

    Args:
        src: path, bytes or readable binary file object (a pipe will do).
        base: of a delta file, the model file that it is a difference from; see `wcodec.delta` for chains.
        limits: what the file may ask for.
        threads: that decode; each has a chunk in memory.

    Raises:
        BaseMissingError, BaseMismatchError: a delta file without its base.
        WczError: a damaged or hostile file; the message names the tensor and the rule.
    """
    if base is not None:
        return read_chain(base, src, limits=limits).weights()
    with open_source(src) as file:
        reader = Reader(file, limits)
        tensors = dict(_tensors(reader, limits, threads))
        if file is not src:
            expect_nothing_more(file)
    return {name: tensors[name] for name, _ in reader.names}


def stream(src: Any, *, limits: Limits = DEFAULT_LIMITS, threads: int = 1) -> Iterator[tuple[str, np.ndarray]]:
    """Tensors one by one, in file order; memory is that of one chunk and one tensor.

    File order is model order, but that small tensors arrive together, before the first of them is needed. Each
    chunk is verified before its tensors are yielded; an error at the end (a wrong digest) comes after them.
    """
    with open_source(src) as file:
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
    with open_source(src) as file:
        reader = Reader(file, limits)
        for chunk in _bounded(reader, limits):
            opened = OpenedChunk(chunk, limits)
            tensors.update(opened.rebuild_quantized(job.decode() for job in opened.jobs))
        if file is not src:
            expect_nothing_more(file)
    return {name: tensors[name] for name, _ in reader.names}


def safe_open(src: Any, *, limits: Limits = DEFAULT_LIMITS) -> WczFile:
    """Open a file for random access; use as a context manager or close it.

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
    with open_source(src) as file:
        reader = Reader(file, limits)
        count = nbytes = 0
        for _, array in _tensors(reader, limits, threads):
            count += 1
            nbytes += array.nbytes
        if file is not src:
            expect_nothing_more(file)
    return Verified(count, nbytes, reader.has_digest)


class TensorDetails(NamedTuple):
    """What a file says of one tensor, without decoding it.

    Attributes:
        name, dtype, shape: of the decoded tensor.
        kind: factorization.
        coders: of its chunk.
        params: of the factorization.
        nbytes: payload bytes of the chunk that holds it.
        shared_by: number of tensors in that chunk.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    kind: str
    params: tuple[Any, ...]
    coders: tuple[str, ...]
    nbytes: int
    shared_by: int


class WczFile(Mapping[str, np.ndarray]):
    """An open file: name -> tensor, decoded on access. Made by `safe_open`."""

    def __init__(self, src: Any, limits: Limits) -> None:
        self._limits = limits
        self._label = type(src).__name__ if isinstance(src, bytes | bytearray | memoryview) else str(src)
        with ExitStack() as stack:
            file = stack.enter_context(open_source(src))
            if not seekable(file):
                raise UnsupportedTypeError("random access needs a source that can seek; use wcodec.stream")
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

    def get_slice(self, name: str, index: Any) -> np.ndarray:
        """`get_tensor(name)[index]` as an array of its own; the whole tensor is decoded for it."""
        return np.array(self.get_tensor(name)[index])

    def metadata(self) -> dict[str, str]:
        """Text stored with the model."""
        return dict(self._access.metadata)

    def graph(self) -> Any:
        """The layer graph, or None in a file without one."""
        return self._access.graph

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


def chunk_details(chunk: TensorChunk) -> Iterator[TensorDetails]:
    """Details of the tensors of one chunk."""
    for name, record in zip(chunk.names, chunk.records, strict=True):
        coders = [find_coder(chunk.streams[s].coder).name for s in sorted({f.stream for f in record.factors})]
        kind = find_factorization(record.kind).kind
        yield TensorDetails(
            name, record.dtype.name, record.shape, kind, record.params, tuple(coders), chunk.payload_nbytes,
            len(chunk.records),
        )  # fmt: skip


def _tensors(reader: Reader, limits: Limits, threads: int) -> Iterator[tuple[str, np.ndarray]]:
    if threads == 1:
        for chunk in _bounded(reader, limits):
            yield from decode_chunk(chunk, limits)
        return
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[tuple[OpenedChunk, list[Future[list[np.ndarray]]]]] = deque()
        for chunk in _bounded(reader, limits):
            opened = OpenedChunk(chunk, limits)
            pending.append((opened, [pool.submit(job.decode_scaled) for job in opened.jobs]))
            if len(pending) > threads:  # enough in flight to keep every thread busy
                yield from _finish(*pending.popleft())
        while pending:
            yield from _finish(*pending.popleft())


def _finish(opened: OpenedChunk, futures: list[Future[list[np.ndarray]]]) -> Iterator[tuple[str, np.ndarray]]:
    return opened.rebuild(future.result() for future in futures)


def _bounded(reader: Reader, limits: Limits) -> Iterator[TensorChunk]:
    """The reader's chunks while their tensors together stay within the limit."""
    total = 0
    for chunk in reader:
        total += sum(math.prod(record.shape) * record.dtype.itemsize for record in chunk.records)
        limits.check("total_nbytes", total, "decoded bytes")
        yield chunk
