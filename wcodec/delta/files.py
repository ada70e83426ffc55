"""Delta files: a model as the difference from a base that the reader has (format_spec/delta.md, delta files)."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..chunks.coded import CodedFactor, CodedTensor
from ..chunks.decoder import OpenedChunk
from ..chunks.encoder import Choice, Profile, coded, draft_coded
from ..chunks.grouping import SMALL_TENSOR, chunk_positions
from ..chunks.side_by_side import decoded
from ..chunks.stream_jobs import StreamJob
from ..coders import CODERS
from ..container import DEFAULT_LIMITS, Limits, NameEntry, Reader, TensorChunk, Writer
from ..container.delta_head import DIGEST_BYTES, DeltaHead
from ..container.files import open_sink
from ..container.frames import expect_nothing_more
from ..errors import BaseMismatchError, DeltaError, naming
from ..sources import open_forward
from .content import Content
from .difference import difference, rebuilt

if TYPE_CHECKING:  # a decoder has no use for it
    from concurrent.futures import Executor


class Manner(NamedTuple):
    """How a file is written.

    Attributes:
        profile: coders to choose from.
        executor: codes the streams; None for the calling thread.
        digest: whether the file carries a SHA-256; None for files of 2 MiB and more.
        progress: called after each chunk with (tensors done, of how many, name of the last one).
    """

    profile: Profile
    executor: Executor | None = None
    digest: bool | None = None
    progress: Callable[[int, int, str], None] | None = None


SMALL = Manner(Profile(Choice((CODERS["mixing"], CODERS["context"])), Choice((CODERS["float_planes"],))))


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        data: the file, where no destination was given, else None.
        nbytes: of the file.
        payload_nbytes: entropy-coded bytes in it.
        digest: model digest of what a reader gets, 32 bytes.
        whole: names of the tensors that a delta file holds as they are.
    """

    data: bytes | None
    nbytes: int
    payload_nbytes: int
    digest: bytes
    whole: tuple[str, ...] = ()


def read_content(
    src: Any, base: Content | None = None, *, limits: Limits = DEFAULT_LIMITS, threads: int = 1
) -> Content:
    """What a file, or a delta file and its base, hold of a model.

    Args:
        src: path, bytes or readable binary file object of a model or of a delta file.
        base: content of the base of a delta file; it is not changed.
        limits: what the file may ask for.
        threads: that decode.

    Raises:
        BaseMissingError: a delta file without a base.
        BaseMismatchError: a base of another digest than the file names.
        DeltaError: the file does not fit its base, or does not give the model that it names.
        WczError: a damaged or hostile file; the message names the tensor and the rule.
    """
    with open_forward(src) as file:
        reader = Reader(file, limits, accept_delta=base is not None)
        found = dict(_coded_tensors(reader, base, limits, threads))
        if file is not src:
            expect_nothing_more(file)
    names = [entry.name for entry in reader.names]
    content = Content({name: found[name] for name in names}, reader.metadata, reader.graph)
    if reader.delta is None or base is None:
        return content
    content.metadata = content.metadata or base.metadata
    content.graph = base.graph if content.graph is None else content.graph
    if any(position >= len(names) for position in reader.delta.whole):
        raise DeltaError("a whole tensor of the delta head is behind the last name")
    if content.digest()[:DIGEST_BYTES] != reader.delta.result:
        raise DeltaError("base and delta do not give the model that the delta names")
    return content


def read_chain(base: Any, *deltas: Any, limits: Limits = DEFAULT_LIMITS, threads: int = 1) -> Content:
    """The content of a model file and of a chain of delta files, each with the result of the one before as its base."""
    content = base if isinstance(base, Content) else read_content(base, limits=limits, threads=threads)
    for delta in deltas:
        content = read_content(delta, content, limits=limits, threads=threads)
    return content


def write_model(content: Content, dst: Any = None, *, manner: Manner = SMALL) -> Written:
    """Write a whole model file.

    Args:
        content: as `read_content` gives it.
        dst: path (written atomically) or writable file object; None returns the bytes.
        manner: the model digest does not depend on it.
    """
    return _write(dst, content, list(content.tensors.values()), None, manner)


def write_delta(content: Content, base: Content, dst: Any = None, *, manner: Manner = SMALL) -> Written:
    """Write the difference of a model from a base. Tensors that the base stores otherwise are written whole.

    Args and result as of `write_model`.
    """
    tensors: list[CodedTensor] = []
    whole: list[int] = []
    for position, (name, tensor) in enumerate(content.tensors.items()):
        less = difference(tensor, base.tensors.get(name))
        tensors.append(tensor if less is None else less)
        if less is None:
            whole.append(position)
    head = DeltaHead(base.digest()[:DIGEST_BYTES], content.digest()[:DIGEST_BYTES], tuple(whole))
    metadata = content.metadata if content.metadata != base.metadata else {}
    graph = content.graph if content.graph != base.graph else None
    return _write(dst, Content(content.tensors, metadata, graph), tensors, head, manner)


def _write(
    dst: Any, content: Content, tensors: Sequence[CodedTensor], head: DeltaHead | None, manner: Manner
) -> Written:
    names = tuple(content.tensors)
    buffer = io.BytesIO()
    with open_sink(buffer if dst is None else dst) as file:
        writer = Writer(file)
        if head is not None:
            writer.add_delta(head)
        sizes = [math.prod(tensor.record.shape) for tensor in tensors]
        entries = zip(content.tensors, sizes, strict=True)
        writer.add_names(NameEntry(name, size < SMALL_TENSOR) for name, size in entries)
        if content.metadata:
            writer.add_metadata(content.metadata)
        if content.graph is not None:
            writer.add_graph(content.graph)
        chunks = list(chunk_positions(sizes))
        drafts = (draft_coded([tensors[p] for p in positions], manner.profile) for positions in chunks)
        done = 0
        for positions, (records, streams) in zip(chunks, coded(drafts, manner.executor), strict=True):
            if sizes[positions[0]] < SMALL_TENSOR:
                writer.add_group(records, streams)
            else:
                writer.add_tensor(records[0], streams)
            done += len(positions)
            if manner.progress is not None:
                manner.progress(done, len(tensors), names[positions[-1]])
        writer.finish(manner.digest)
    return Written(
        buffer.getvalue() if dst is None else None, writer.nbytes, writer.payload_nbytes, content.digest(),
        tuple(names[p] for p in head.whole) if head else (),
    )  # fmt: skip


def _coded_tensors(
    reader: Reader, base: Content | None, limits: Limits, threads: int
) -> Iterator[tuple[str, CodedTensor]]:
    differences = _Differences(reader, base)
    chunks = ((chunk, chunk.opened.jobs) for chunk in _opened(reader, differences, limits))
    for chunk, arrays in decoded(chunks, StreamJob.decode, threads):
        for name, tensor in chunk.tensors(arrays):
            with naming(name):
                yield name, differences.undo(name, tensor) if name in chunk.differences else tensor


def _opened(reader: Reader, differences: _Differences, limits: Limits) -> Iterator[_Chunk]:
    total = 0
    for chunk in reader:
        total += sum(math.prod(record.shape) * record.dtype.itemsize for record in chunk.records)
        limits.check("total_nbytes", total, "decoded bytes")
        names = differences.among(chunk)
        yield _Chunk(chunk, OpenedChunk(chunk, limits, names), names)


class _Chunk(NamedTuple):
    """A chunk, what waits in it to be decoded, and which of its tensors are differences."""

    chunk: TensorChunk
    opened: OpenedChunk
    differences: frozenset[str]

    def tensors(self, arrays: Iterator[list[np.ndarray]]) -> Iterator[tuple[str, CodedTensor]]:
        """Name and tensor as it was coded, from the arrays of the streams."""
        factors: list[dict[str, CodedFactor]] = [{} for _ in self.chunk.records]
        for position, factor in self.opened.factors(arrays):
            factors[position][factor.name] = factor
        for position, (name, record) in enumerate(zip(self.chunk.names, self.chunk.records, strict=True)):
            order = self.opened.factorizations[position].factor_shapes
            yield name, CodedTensor(record, tuple(factors[position][factor] for factor in order))


class _Differences:
    """Which tensors of a file are differences from its base; the base is checked before the first of them."""

    def __init__(self, reader: Reader, base: Content | None) -> None:
        self._reader, self._base = reader, base or Content()
        self._whole: set[str] | None = None
        self._seen = 0

    def among(self, chunk: TensorChunk) -> frozenset[str]:
        """Names of the tensors of a chunk that are differences."""
        head = self._reader.delta
        if head is None:
            return frozenset()
        if self._whole is None:
            digest = self._base.digest()[:DIGEST_BYTES]
            if digest != head.base:
                raise BaseMismatchError(
                    f"the delta is for the model of digest {head.base.hex()}, the base has {digest.hex()}"
                )
        if self._whole is None or self._seen < len(self._reader.names):  # more names came
            self._seen = len(self._reader.names)
            self._whole = {self._reader.names[p].name for p in head.whole if p < self._seen}
        return frozenset(name for name in chunk.names if name not in self._whole)

    def undo(self, name: str, tensor: CodedTensor) -> CodedTensor:
        """The tensor that `tensor` is the difference of."""
        return rebuilt(tensor, self._base.tensors.get(name))
