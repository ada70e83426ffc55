"""encode(): a model of any front end -> a .wcz file."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

from ..chunks.encoder import BAND_ELEMENTS, ChunkItem, Draft, Profile, coded, draft_chunk
from ..chunks.grouping import SMALL_TENSOR, chunk_positions
from ..container import NameEntry, Writer
from ..container.files import check_sink, open_sink
from ..container.manifest import Stream, TensorChunk
from ..decoding.details import TensorDetails, chunk_details
from ..delta import Manner
from ..errors import DuplicateNameError, OptionError
from ..factorizations.factory import FactorizationFactory, check_patterns
from ..frontends import find_frontend
from ..frontends.protocol import NamedTensor
from ..plan import Lossless, NearLossless, Policy, plan
from ..records import TensorRecord
from .profiles import find_profile
from .rate_search import policy_for_rate
from .report import EncodeReport

if TYPE_CHECKING:
    from ..posttrain.options import CalibrationOptions
    from .calibrated import Outcome

Progress = Callable[[int, int, str], None]  # tensors done, of how many, name of the one just written


def encode(
    model: Any,
    dst: Any = None,
    *,
    base: Any = None,
    coder: str = "small",
    lossless: bool = False,
    bits_per_weight: float | None = None,
    factorizations: Mapping[str, FactorizationFactory] | None = None,
    graph: bool = False,
    merge_batch_norm: bool = False,
    metadata: Mapping[str, str] | None = None,
    digest: bool | None = None,
    progress: Progress | None = None,
    band_elements: int = BAND_ELEMENTS,
    threads: int = 1,
    executor: Executor | None = None,
    **calibrated: Unpack[CalibrationOptions],
) -> EncodeReport:
    """Encode a model. The model is not changed.

    With no option the result is near-lossless (see `wcodec.plan.NearLossless`); weights that were trained as
    quantized latents (`wcodec.train`) are stored exactly as trained.

    Args:
        model: Keras or torch model, state_dict, mapping of arrays, or path of a .safetensors .keras .h5 .npz
            .pt file.
        dst: path (written atomically) or writable file object; None returns the bytes in the report.
        base: a model file (path, bytes, file object) that the reader has: writes a delta file, the difference from it.
            Tensors keep the steps of the base. Excludes budgets: encode in full, then `wcodec.delta.between`.
        coder: "small" for the smallest file, axis orders tried; "fast" for the fastest decoding, where that costs at
            most a tenth more; "auto" for the fastest coder that costs at most 3 % more; or one coder: mixing, context,
            rans, elias_gamma, rice, raw.
        lossless: every element bit for bit.
        bits_per_weight: bits of the whole file over the number of weights, reached from below.
        factorizations: name pattern (fnmatch) -> Factorization, or shape -> Factorization; the first match counts,
            and a pattern that matches no tensor is an error.
        graph: store the layer graph too, so that `wcodec.runtime.Runner` runs the file.
        merge_batch_norm: multiply batch normalizations into the kernels before them and store the graph of what is
            left: the same function in fewer tensors. A file for the runtime: it no longer fits the model.
        metadata: text to store with the model.
        digest: a SHA-256 of the file; by default in files of 2 MiB and more.
        progress: called after each chunk with (tensors done, of how many, name of the last one).
        band_elements: a tensor with twice as many elements other than zero is cut into bands of rows of about this
            size, each coded alone, so that threads can share it; small bands cost bytes.
        threads: that code streams, also those of a delta; the bytes do not depend on it.
        executor: codes the streams instead of threads of its own: any of concurrent.futures, Dask, Ray or MPI.
        calibrated: `calibration` (inputs of the model) or `data_free=True`, and a budget: `bits_per_weight` above, or
            `target_bytes`, `max_kl`, `evaluate` with `tolerance`. The weights are then quantized with error feedback;
            see `wcodec.posttrain.options.CalibrationOptions`.

    Raises:
        WczError: naming the tensor and the rule; `dst` is as it was before.
    """
    _check_options(base, lossless, bits_per_weight, factorizations, merge_batch_norm, calibrated)
    if band_elements < 1 or threads < 1:
        raise OptionError(f"band_elements={band_elements} and threads={threads} are 1 or more")
    if dst is not None:
        check_sink(dst)  # a search may take hours
    profile = find_profile(coder)._replace(band_elements=band_elements)
    with _workers(executor, threads) as workers:
        job = _Job(profile, dict(factorizations or {}), metadata, digest, progress, workers)
        tensors, described = _described(model, graph, merge_batch_norm)
        check_patterns(job.factorizations, [tensor.name for tensor in tensors], "tensor")
        policy: Policy = Lossless() if lossless else NearLossless()
        if base is not None:
            return _encode_delta(tensors, base, dst, policy, job, described)
        if calibrated:
            return _encode_calibrated(model, tensors, bits_per_weight, calibrated, dst, job, described)
        if bits_per_weight is not None:
            policy = policy_for_rate(tensors, bits_per_weight, _bits_per_weight(tensors, job, described))
        return _written(dst, tensors, policy, job, described)


def _check_options(
    base: Any,
    lossless: bool,
    bits_per_weight: float | None,
    factorizations: Any,
    merge_batch_norm: bool,
    calibrated: CalibrationOptions,
) -> None:
    """Refuse options that exclude each other, before anything is read."""
    if calibrated and merge_batch_norm:
        raise OptionError("calibration runs the model as it is: merge_batch_norm excludes it")
    if base is not None and (calibrated or bits_per_weight is not None):
        raise OptionError("base excludes budgets; encode in full, then use wcodec.delta.between")
    if calibrated and (lossless or factorizations):
        raise OptionError("calibration excludes lossless and factorizations")
    if lossless and bits_per_weight is not None:
        raise OptionError("lossless and bits_per_weight exclude each other")


@contextmanager
def _workers(executor: Executor | None, threads: int) -> Iterator[Executor | None]:
    """The caller's executor, or threads for the time of one call; None where the calling thread does it all."""
    if executor is not None or threads == 1:
        yield executor
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool


def _described(model: Any, graph: bool, merge_batch_norm: bool) -> tuple[list[NamedTensor], dict[int, Any] | None]:
    """The tensors of a model, read when they are asked for where the front end can, and its graph."""
    model = find_frontend(model).loaded(model)
    frontend = find_frontend(model)
    tensors = list(frontend.tensors(model))
    _check_names(tensors)
    described = frontend.graph(model) if graph or merge_batch_norm else None
    if described is None or not merge_batch_norm:
        return tensors, described
    from ..frontends.batch_norm import fold_all

    tensors, described = fold_all(tensors, described)
    _check_names(tensors)
    return tensors, described


def _encode_delta(
    tensors: Sequence[NamedTensor], base: Any, dst: Any, policy: Policy, job: _Job, described: Any
) -> EncodeReport:
    from .next_version import encode_next, original_nbytes

    extras = (job.metadata, described)
    manner = Manner(job.profile, job.executor, job.digest, job.progress)
    data, payload_nbytes, rows = encode_next(tensors, base, policy, job.factorizations, extras, manner)
    if dst is not None:
        with open_sink(dst) as file:
            file.write(data)
    original = original_nbytes(rows, tensors)
    return EncodeReport(data if dst is None else None, len(data), original, payload_nbytes, rows)


def _encode_calibrated(
    model: Any,
    tensors: Sequence[NamedTensor],
    bits_per_weight: float | None,
    calibrated: CalibrationOptions,
    dst: Any,
    job: _Job,
    described: Any,
) -> EncodeReport:
    from .calibrated import quantize_to_budget

    # The search writes often, and to a bound: natural scans in all of its passes. It codes with the first coder
    # alone: a profile with more of them never makes a larger file.
    job = replace(job, profile=job.profile._replace(scan_coder=None))
    quiet = replace(job, progress=None, profile=job.profile.first_coder())

    def nbytes_of(rounded: Sequence[NamedTensor]) -> int:
        return _write(io.BytesIO(), rounded, NearLossless(), quiet, described).nbytes

    outcome = quantize_to_budget(model, tensors, calibrated, bits_per_weight, nbytes_of, job.progress)
    return _told(_written(dst, outcome.tensors, NearLossless(), job, described), outcome)


def _bits_per_weight(tensors: Sequence[NamedTensor], job: _Job, described: Any) -> Callable[[Policy], float]:
    """Policy -> rate of the whole file."""
    quiet = replace(job, progress=None)
    return lambda policy: _write(io.BytesIO(), tensors, policy, quiet, described).bits_per_weight


def _told(report: EncodeReport, outcome: Outcome) -> EncodeReport:
    """The report with what the search for a budget gave."""
    from ..posttrain.report import layer_rows

    layers = layer_rows(outcome.tensors, report.rows, outcome.noise)
    # The search counts with one coder, the file keeps the smaller of several: its point has the size as written.
    curve = [replace(p, nbytes=report.nbytes) if p == outcome.chosen else p for p in outcome.curve]
    ordered = tuple(sorted(curve, key=lambda point: point.nbytes))
    return replace(report, curve=ordered, warnings=outcome.warnings, layers=layers)


@dataclass(frozen=True)
class _Job:
    """The options of one call that every pass shares."""

    profile: Profile
    factorizations: dict[str, FactorizationFactory]
    metadata: Mapping[str, str] | None
    digest: bool | None
    progress: Progress | None
    executor: Executor | None


def _check_names(tensors: Sequence[NamedTensor]) -> None:
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            raise DuplicateNameError("two tensors have this name", tensor=tensor.name)
        seen.add(tensor.name)


def _written(dst: Any, tensors: Sequence[NamedTensor], policy: Policy, job: _Job, described: Any) -> EncodeReport:
    """The report of a whole file, at its destination or with its bytes."""
    if dst is not None:
        with open_sink(dst) as file:
            return _write(file, tensors, policy, job, described)
    buffer = io.BytesIO()
    report = _write(buffer, tensors, policy, job, described)
    return replace(report, data=buffer.getvalue())


def _write(file: Any, tensors: Sequence[NamedTensor], policy: Policy, job: _Job, graph: Any) -> EncodeReport:
    writer = Writer(file)
    original = 0
    rows: dict[str, TensorDetails] = {}
    writer.add_names(NameEntry(t.name, _size(t) < SMALL_TENSOR) for t in tensors)
    if job.metadata:
        writer.add_metadata(job.metadata)
    if graph is not None:
        writer.add_graph(graph)
    chunks = [[tensors[p] for p in positions] for positions in chunk_positions([_size(t) for t in tensors])]
    done = coded(_drafted(chunks, policy, job), job.executor)
    for members, (records, streams) in zip(chunks, done, strict=True):
        original += sum(math.prod(record.shape) * record.dtype.itemsize for record in records)
        _add(writer, members, records, streams)
        chunk = TensorChunk(tuple(t.name for t in members), tuple(records), tuple(streams))
        rows.update((row.name, row) for row in chunk_details(chunk))
        if job.progress is not None:
            job.progress(len(rows), len(tensors), members[-1].name)
    writer.finish(job.digest)
    ordered = tuple(rows[t.name] for t in tensors)
    return EncodeReport(None, writer.nbytes, original, writer.payload_nbytes, ordered)


def _drafted(chunks: Sequence[Sequence[NamedTensor]], policy: Policy, job: _Job) -> Iterator[Draft]:
    """The chunks, each quantized when it is asked for."""
    for members in chunks:
        items = [ChunkItem(t.name, *plan(t, policy, job.factorizations), t.scan) for t in members]
        yield draft_chunk(items, job.profile)


def _add(writer: Writer, members: Sequence[NamedTensor], records: list[TensorRecord], streams: list[Stream]) -> None:
    if _size(members[0]) < SMALL_TENSOR:
        writer.add_group(records, streams)
    else:
        writer.add_tensor(records[0], streams)


def _size(tensor: NamedTensor) -> int:
    """Elements that a coder sees, which are fewer than the tensor's where it has small factors."""
    return tensor.coded_size
