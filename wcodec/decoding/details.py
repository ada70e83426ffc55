"""What a file says of its tensors, without decoding them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..coders import find_coder
from ..container import TensorChunk
from ..factorizations import find_factorization


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


class ChunkSize(NamedTuple):
    """Where a tensor lies.

    Attributes:
        name: of the tensor.
        nbytes: of its chunk, with its frame.
        shared_by: number of tensors in that chunk.
    """

    name: str
    nbytes: int
    shared_by: int


class DecodingNeed(NamedTuple):
    """What decoding a tensor takes.

    Attributes:
        shape: of the tensor.
        nbytes: at most, the tensor included; for one in a group, those of the group.
    """

    shape: tuple[int, ...]
    nbytes: int


def chunk_details(chunk: TensorChunk) -> Iterator[TensorDetails]:
    """Details of the tensors of one chunk."""
    for name, record in zip(chunk.names, chunk.records, strict=True):
        coders = [find_coder(chunk.streams[s].coder).name for s in sorted({f.stream for f in record.factors})]
        kind = find_factorization(record.kind).kind
        yield TensorDetails(
            name, record.dtype.name, record.shape, kind, record.params, tuple(coders), chunk.payload_nbytes,
            len(chunk.records),
        )  # fmt: skip
