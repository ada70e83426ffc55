"""encode(base=...): the next version of a model as a delta file."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..chunks.coded import CodedTensor
from ..chunks.encoder import ChunkItem, store
from ..container import Reader
from ..decoding.details import TensorDetails, chunk_details
from ..delta import Content, Manner, read_content, write_delta
from ..errors import SymbolError
from ..factorizations import FactoredWeight
from ..factorizations.factory import FactorizationFactory
from ..frontends.protocol import NamedTensor
from ..plan import Policy, plan
from ..records import DENSE


def encode_next(
    tensors: Sequence[NamedTensor],
    base: Any,
    policy: Policy,
    factorizations: Mapping[str, FactorizationFactory],
    extras: tuple[Mapping[str, str] | None, Any],
    manner: Manner,
) -> tuple[bytes, int, tuple[TensorDetails, ...]]:
    """A delta file: its bytes, the bytes of payload among them, and what it says of each tensor.

    Args:
        tensors: of the model.
        base: model file or content.
        policy: for tensors that the base does not have; the others keep their steps, or the difference would not be
            small.
        factorizations: as for `encode`.
        extras: metadata and graph of the model, or None.
        manner: coders, and who runs them.

    Raises:
        WczError: naming the tensor.
    """
    known = base if isinstance(base, Content) else read_content(base)
    coded = {t.name: _coded(t, known.tensors.get(t.name), policy, factorizations) for t in tensors}
    metadata, graph = extras
    content = Content(coded, known.metadata if metadata is None else dict(metadata), graph or known.graph)
    written = write_delta(content, known, manner=manner)
    data = written.data or b""
    rows: dict[str, TensorDetails] = {}
    for chunk in Reader(io.BytesIO(data), accept_delta=True):
        rows.update((row.name, row) for row in chunk_details(chunk))
    return data, written.payload_nbytes, tuple(rows[tensor.name] for tensor in tensors)


def original_nbytes(rows: Sequence[TensorDetails], tensors: Sequence[NamedTensor]) -> int:
    """Bytes of the tensors as they came."""
    sizes = {t.name: t.value.dtype.itemsize for t in tensors}
    return sum(math.prod(row.shape) * sizes[row.name] for row in rows)


def _coded(
    tensor: NamedTensor,
    base: CodedTensor | None,
    policy: Policy,
    factorizations: Mapping[str, FactorizationFactory],
) -> CodedTensor:
    weight, dtype = plan(tensor, policy, factorizations)
    planned = ChunkItem(tensor.name, weight, dtype, tensor.scan)
    steps = _steps_of(base) if isinstance(tensor.value, np.ndarray) else None
    if steps is None or not _may_take(weight, dtype, base):
        return store(planned)
    try:
        return store(dataclasses.replace(planned, weight=dataclasses.replace(weight, step_codes={"weight": steps})))
    except SymbolError:  # the weights have outgrown the steps
        return store(planned)


def _steps_of(base: CodedTensor | None) -> np.ndarray | None:
    """Step codes of a dense tensor of the base; None where it has none."""
    return base.factors[0].codes if base is not None and base.record.kind == DENSE else None


def _may_take(weight: FactoredWeight, dtype: np.dtype, base: CodedTensor | None) -> bool:
    same = base is not None and (base.record.shape, base.record.dtype) == (weight.factorization.shape, dtype)
    return same and weight.factorization.number == DENSE and bool(weight.step_codes)
