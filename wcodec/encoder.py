"""encode(): a model of any front end -> a .wcz file."""

from __future__ import annotations

import io
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from .chunk_encoder import BAND_ELEMENTS, Choice, ChunkItem, Draft, Profile, draft_chunk
from .coders import CODERS
from .container import NameEntry, Writer
from .container.files import open_sink
from .container.manifest import Stream, TensorChunk
from .decoder import TensorDetails, chunk_details
from .dtypes import is_float
from .encode_report import EncodeReport
from .errors import DuplicateNameError, OptionError
from .factorizations import FactoredWeight
from .frontends import find_frontend
from .frontends.protocol import NamedTensor
from .grouping import SMALL_TENSOR, chunk_positions
from .plan import FactorizationFactory, GlobalStep, Lossless, NearLossless, Policy, plan
from .quantize import CODES_PER_OCTAVE, step_code_at_most
from .records import TensorRecord

if TYPE_CHECKING:
    from .calibrated import Outcome
    from .posttrain.options import CalibrationOptions


def _choice(*names: str, margin: float = 0.0) -> Choice:
    return Choice(tuple(CODERS[name] for name in names), margin)


# coder= of encode -> coders to choose from for symbols, coders for what is stored bit for bit
PROFILES = {
    "small": Profile(_choice("mixing", "context"), _choice("float_planes"), scan_coder=CODERS["mixing"]),
    "fast": Profile(_choice("rans", "mixing", margin=0.1), _choice("float_planes")),
    "auto": Profile(_choice("rans", "context", "mixing", margin=0.03), _choice("float_planes")),
    "mixing": Profile(_choice("mixing"), _choice("float_planes")),
    "rans": Profile(_choice("rans"), _choice("float_planes")),
    "context": Profile(_choice("context"), _choice("float_planes")),
    "elias_gamma": Profile(_choice("elias_gamma"), _choice("float_planes")),
    "rice": Profile(_choice("rice"), _choice("float_planes")),
    "raw": Profile(_choice("raw"), _choice("raw")),
}

CHUNKS_AHEAD = 16  # quantized and waiting for an executor
SEARCHED_OCTAVES = 24  # how far below its largest weight bits_per_weight looks for a step

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
        model: Keras or torch model, state_dict, mapping of arrays, or path of a .safetensors .keras .h5 .npz file.
        dst: path (written atomically) or writable file object; None returns the bytes in the report.
        base: a model file (path, bytes, file object) that the reader has: writes a delta file, the difference from it.
            Tensors keep the steps of the base. Excludes budgets: encode in full, then `wcodec.delta.between`.
        coder: "small" for the smallest file, axis orders tried; "fast" for the fastest decoding, where that costs at
            most a tenth more; "auto" for the fastest coder that costs at most 3 % more; or one coder: mixing, context,
            rans, elias_gamma, rice, raw.
        lossless: every element bit for bit.
        bits_per_weight: bits of the whole file over the number of weights, reached from below.
        factorizations: name pattern -> (shape -> Factorization), the first match counts.
        graph: store the layer graph too, so that `wcodec.runtime.Runner` runs the file.
        merge_batch_norm: multiply batch normalizations into the kernels before them and store the graph of what is
            left: the same function in fewer tensors. A file for the runtime: it no longer fits the model.
        metadata: text to store with the model.
        digest: a SHA-256 of the file; by default in files of 2 MiB and more.
        progress: called after each chunk with (tensors done, of how many, name of the last one).
        band_elements: a tensor with twice as many elements other than zero is cut into bands of rows of about this
            size, each coded alone, so that threads can share it; small bands cost bytes.
        threads: that code streams; the bytes do not depend on it.
        executor: codes the streams instead of threads of its own: any of concurrent.futures, Dask, Ray or MPI.
        calibrated: `calibration` (inputs of the model) or `data_free=True`, and a budget: `bits_per_weight` above, or
            `target_bytes`, `max_kl`, `evaluate` with `tolerance`. The weights are then quantized with error feedback;
            see `wcodec.posttrain.options.CalibrationOptions`.

    Raises:
        WczError: naming the tensor and the rule; `dst` is as it was before.
    """
    if executor is None and threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            return encode(
                model, dst, coder=coder, lossless=lossless, bits_per_weight=bits_per_weight,
                factorizations=factorizations, graph=graph, merge_batch_norm=merge_batch_norm,
                metadata=metadata, digest=digest, progress=progress,
                band_elements=band_elements, executor=pool, **calibrated,
            )  # fmt: skip
    profile = _find_profile(coder)._replace(band_elements=band_elements)
    job = _Job(profile, dict(factorizations or {}), metadata, digest, progress, executor)
    tensors, described = _described(model, graph, merge_batch_norm)
    if calibrated and merge_batch_norm:
        raise OptionError("calibration runs the model as it is: merge_batch_norm excludes it")
    if base is not None:
        if calibrated or bits_per_weight is not None:
            raise OptionError("base excludes budgets; encode in full, then use wcodec.delta.between")
        return _encode_delta(tensors, base, dst, Lossless() if lossless else NearLossless(), job, described)
    outcome: Outcome | None = None
    policy: Policy
    if calibrated:
        if lossless or factorizations:
            raise OptionError("calibration excludes lossless and factorizations")
        from .calibrated import quantize_to_budget

        # The search writes often, and to a bound: natural scans in all of its passes. It codes with the first coder
        # alone: a profile with more of them never makes a larger file.
        job = replace(job, profile=profile._replace(scan_coder=None))
        quiet = replace(job, progress=None, profile=job.profile.first_coder())
        outcome = quantize_to_budget(
            model,
            tensors,
            calibrated,
            bits_per_weight,
            lambda ts: _write(io.BytesIO(), ts, NearLossless(), quiet, described).nbytes,
            progress,
        )
        tensors, policy = outcome.tensors, NearLossless()
    elif bits_per_weight is not None:
        if lossless:
            raise OptionError("lossless and bits_per_weight exclude each other")
        policy = _policy_for_rate(tensors, job, bits_per_weight, described)
    else:
        policy = Lossless() if lossless else NearLossless()
    if dst is not None:
        with open_sink(dst) as file:
            return _told(_write(file, tensors, policy, job, described), outcome)
    buffer = io.BytesIO()
    report = _write(buffer, tensors, policy, job, described)
    return replace(_told(report, outcome), data=buffer.getvalue())


def _described(model: Any, graph: bool, merge_batch_norm: bool) -> tuple[list[NamedTensor], dict[int, Any] | None]:
    """The tensors of a model, read when they are asked for where the front end can, and its graph."""
    model = find_frontend(model).loaded(model)
    frontend = find_frontend(model)
    tensors = list(frontend.tensors(model))
    _check_names(tensors)
    described = frontend.graph(model) if graph or merge_batch_norm else None
    if described is None or not merge_batch_norm:
        return tensors, described
    from .frontends.batch_norm import fold_all

    tensors, described = fold_all(tensors, described)
    _check_names(tensors)
    return tensors, described


def _encode_delta(
    tensors: Sequence[NamedTensor], base: Any, dst: Any, policy: Policy, job: _Job, described: Any
) -> EncodeReport:
    from .next_version import encode_next, original_nbytes

    extras = (job.metadata, described)
    data, payload_nbytes, rows = encode_next(tensors, base, policy, job.factorizations, job.profile, extras)
    if dst is not None:
        with open_sink(dst) as file:
            file.write(data)
    original = original_nbytes(rows, tensors)
    return EncodeReport(data if dst is None else None, len(data), original, payload_nbytes, rows)


def _told(report: EncodeReport, outcome: Outcome | None) -> EncodeReport:
    """The report with what the search for a budget gave."""
    if outcome is None:
        return report
    from .posttrain.report import layer_rows

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


def _find_profile(name: str) -> Profile:
    if name not in PROFILES:
        raise OptionError(f"coder {name!r} is not one of {', '.join(PROFILES)}")
    return PROFILES[name]


def _check_names(tensors: Sequence[NamedTensor]) -> None:
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            raise DuplicateNameError("two tensors have this name", tensor=tensor.name)
        seen.add(tensor.name)


def _write(file: Any, tensors: Sequence[NamedTensor], policy: Policy, job: _Job, graph: Any) -> EncodeReport:
    writer = Writer(file)
    original = 0
    rows: dict[str, TensorDetails] = {}
    writer.add_names(NameEntry(t.name, _size(t) < SMALL_TENSOR) for t in tensors)
    if job.metadata:
        writer.add_metadata(job.metadata)
    if graph is not None:
        writer.add_graph(graph)
    for members, records, streams in _coded(tensors, policy, job):
        original += sum(math.prod(record.shape) * record.dtype.itemsize for record in records)
        _add(writer, members, records, streams)
        chunk = TensorChunk(tuple(t.name for t in members), tuple(records), tuple(streams))
        rows.update((row.name, row) for row in chunk_details(chunk))
        if job.progress is not None:
            job.progress(len(rows), len(tensors), members[-1].name)
    writer.finish(job.digest)
    ordered = tuple(rows[t.name] for t in tensors)
    return EncodeReport(None, writer.nbytes, original, writer.payload_nbytes, ordered)


def _coded(
    tensors: Sequence[NamedTensor], policy: Policy, job: _Job
) -> Iterator[tuple[list[NamedTensor], list[TensorRecord], list[Stream]]]:
    """Members, records and streams of each chunk, in file order; at most CHUNKS_AHEAD chunks wait for the executor."""
    pending: deque[tuple[list[NamedTensor], Draft, list[Future[Stream]]]] = deque()
    for members in _chunks(tensors):
        items = [ChunkItem(t.name, *plan(t, policy, job.factorizations), t.scan) for t in members]
        draft = draft_chunk(items, job.profile)
        if job.executor is None:
            yield members, draft.records, [stream_job.encode() for stream_job in draft.jobs]
            continue
        pending.append((members, draft, [job.executor.submit(stream_job.encode) for stream_job in draft.jobs]))
        if len(pending) > CHUNKS_AHEAD:
            yield _collected(*pending.popleft())
    while pending:
        yield _collected(*pending.popleft())


def _collected(
    members: list[NamedTensor], draft: Draft, futures: list[Future[Stream]]
) -> tuple[list[NamedTensor], list[TensorRecord], list[Stream]]:
    return members, draft.records, [future.result() for future in futures]


def _add(writer: Writer, members: Sequence[NamedTensor], records: list[TensorRecord], streams: list[Stream]) -> None:
    if _size(members[0]) < SMALL_TENSOR:
        writer.add_group(records, streams)
    else:
        writer.add_tensor(records[0], streams)


def _size(tensor: NamedTensor) -> int:
    """Elements that a coder sees, which are fewer than the tensor's where it has small factors."""
    return tensor.coded_size


def _chunks(tensors: Sequence[NamedTensor]) -> Iterator[list[NamedTensor]]:
    """Members of each chunk, in file order."""
    for positions in chunk_positions([_size(tensor) for tensor in tensors]):
        yield [tensors[position] for position in positions]


def _policy_for_rate(tensors: Sequence[NamedTensor], job: _Job, target: float, graph: Any) -> Policy:
    """The finest global step whose whole file stays at or below `target` bits a weight: bisection on the step code.

    Raises:
        OptionError: even the coarsest useful step needs more.
    """
    if not target > 0:
        raise OptionError(f"bits_per_weight={target} is not positive")
    quiet = replace(job, progress=None)
    peaks = [float(np.abs(values).max()) for t in tensors for values in _matrices(t)]
    high = step_code_at_most(4 * max(peaks, default=1.0))  # every matrix rounds to zero: the smallest file
    low = high - CODES_PER_OCTAVE * SEARCHED_OCTAVES
    smallest = _write(io.BytesIO(), tensors, GlobalStep(high), quiet, graph).bits_per_weight
    if smallest > target:
        raise OptionError(f"bits_per_weight={target} cannot be reached: the smallest file has {smallest:.3f}")
    while high - low > 1:
        middle = (low + high) // 2
        rate = _write(io.BytesIO(), tensors, GlobalStep(middle), quiet, graph).bits_per_weight
        low, high = (low, middle) if rate <= target else (middle, high)
    return GlobalStep(high)


def _matrices(tensor: NamedTensor) -> list[np.ndarray]:
    """The values that a global step governs."""
    value = tensor.value
    if isinstance(value, FactoredWeight):
        candidates = list(value.factors.values()) if value.steps_are_open else []
    else:
        candidates = [value]
    return [array for array in candidates if array.ndim >= 2 and is_float(array.dtype) and array.size > 0]
