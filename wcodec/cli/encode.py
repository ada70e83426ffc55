"""wcz encode MODEL OUT."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

import wcodec

from ..encoding.profiles import PROFILES
from ..frontends.registry import FRONTENDS
from .array_files import read_npz
from .options import EXISTING, FOLDER, PAIR, SIZE, WRITABLE, debug_option, json_option, sink, threads_option
from .quiet import keras_quietly
from .terminal import progress, show_json, show_table

if TYPE_CHECKING:
    from ..posttrain.report import LayerRow

COLUMNS = ("name", "weights", "bits/weight", "noise", "error share")
SUFFIXES = [suffix.lstrip(".") for frontend in FRONTENDS.values() for suffix in frontend.suffixes]


@click.command(short_help="Make a model file small.")
@click.argument("model", type=EXISTING)
@click.argument("out", type=WRITABLE)
@click.option("--coder", type=click.Choice(list(PROFILES)), default="small", show_default=True)
@click.option("--base", type=EXISTING, metavar="FILE.wcz", help="A model that the reader has: write what changed.")
@click.option("--lossless", is_flag=True, help="Every element bit for bit.")
@click.option("--bits-per-weight", type=float, metavar="X", help="Size of the whole file, reached from below.")
@click.option("--calibration", type=EXISTING, metavar="DATA.npz", help="Inputs of the model; quantizes by them.")
@click.option("--data-free", is_flag=True, help="Quantize by synthetic images; needs --input-range if not 0,1.")
@click.option("--input-range", type=PAIR, metavar="LOW,HIGH", help="Lowest and highest value of the inputs.")
@click.option("--target", "target_bytes", type=SIZE, metavar="SIZE", help="Size of the file, as in 70KB, from below.")
@click.option("--max-kl", type=float, metavar="NATS", help="Divergence from the float model, measured on the data.")
@click.option("--closest", is_flag=True, help="Write the closest file where the target or divergence cannot be kept.")
@click.option("--fold-batch-norm", is_flag=True, help="Moving statistics to 0 and 1: same predictions, smaller.")
@click.option("--one-shot", is_flag=True, help="Quantize by one look at the data: faster, larger.")
@click.option("--resume", type=FOLDER, metavar="DIR", help="Keep finished layers there; go on where it broke off.")
@click.option("--plot", type=WRITABLE, metavar="FILE", help="Draw the sizes and steps that were tried (.svg, .png).")
@click.option("--graph", is_flag=True, help="Store the layer graph too, for wcodec.runtime (Keras models).")
@click.option("--merge-batch-norm", is_flag=True, help="The graph with batch norms multiplied into their kernels.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Text to store; may be repeated.")
@click.option("--digest/--no-digest", default=None, help="SHA-256 of the file [default: in files of 2 MiB and more].")
@threads_option
@click.option("--from", "suffix", type=click.Choice(SUFFIXES), help='File type of MODEL where it is "-".')
@json_option
@debug_option
def encode(
    model: str,
    out: str,
    coder: str,
    base: str | None,
    lossless: bool,
    bits_per_weight: float | None,
    calibration: str | None,
    data_free: bool,
    input_range: tuple[float, float] | None,
    target_bytes: int | None,
    max_kl: float | None,
    closest: bool,
    fold_batch_norm: bool,
    one_shot: bool,
    resume: str | None,
    plot: str | None,
    graph: bool,
    merge_batch_norm: bool,
    metadata: Sequence[str],
    digest: bool | None,
    threads: int,
    suffix: str | None,
    as_json: bool,
) -> None:
    """Encode the weights of MODEL (.safetensors, .npz, .keras, .h5, .pt) into the .wcz file OUT.

    With no option the result is near-lossless. "-" is standard input or output. On an error OUT is left as it was.
    """
    if lossless and bits_per_weight is not None:
        raise click.UsageError("--lossless and --bits-per-weight exclude each other")
    calibrated = {
        "calibration": None if calibration is None else _arrays(calibration),
        "data_free": data_free or None,
        "input_range": input_range,
        "target_bytes": target_bytes,
        "max_kl": max_kl,
        "closest": closest or None,
        "fold_batch_norm": fold_batch_norm or None,
        "method": "one_shot" if one_shot else None,
        "resume": resume,
    }
    texts = dict(_key_value(item) for item in metadata)
    destination = sink(out)
    with _model_path(model, suffix) as path, progress("encoding") as tick:
        keras_quietly(path)
        report = wcodec.encode(
            path,
            destination,
            coder=coder,
            base=base,
            lossless=lossless,
            bits_per_weight=bits_per_weight,
            graph=graph,
            merge_batch_norm=merge_batch_norm,
            metadata=texts or None,
            digest=digest,
            threads=threads,
            progress=tick,
            **{name: value for name, value in calibrated.items() if value is not None},  # type: ignore[arg-type]
        )
    if plot is not None:
        report.plot_curve(plot)
    if as_json:
        show_json(_summary(report), err=out == "-")
    else:
        if report.layers and out != "-":
            show_table(out, COLUMNS, [_cells(row) for row in report.layers], numbers=COLUMNS[1:])
        click.echo(
            f"{out}: {len(report.rows)} tensors, {report.nbytes:,} bytes, {report.ratio:.2f}x smaller, "
            f"{report.bits_per_weight:.3f} bits/weight",
            err=True,
        )
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)


def _summary(report: wcodec.EncodeReport) -> dict[str, Any]:
    return {
        "nbytes": report.nbytes,
        "original_nbytes": report.original_nbytes,
        "payload_nbytes": report.payload_nbytes,
        "overhead_nbytes": report.overhead_nbytes,
        "ratio": report.ratio,
        "bits_per_weight": report.bits_per_weight,
        "curve": [{**asdict(point), "step_code": point.step_code} for point in report.curve],
        "layers": [row._asdict() for row in report.layers],
        "warnings": list(report.warnings),
        "tensors": [row._asdict() for row in report.rows],
    }


def _cells(row: LayerRow) -> tuple[str, ...]:
    noise = "" if row.noise is None else f"{row.noise:.2e}"
    share = "" if row.error_share is None else f"{100 * row.error_share:.1f} %"
    return row.name, f"{row.weights:,}", f"{row.bits_per_weight:.3f}", noise, share


def _arrays(path: str) -> Any:
    """The arrays of an .npz: the only one, or all by name."""
    arrays = read_npz(path)
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def _key_value(item: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{item!r} is not KEY=VALUE", param_hint="--metadata")
    return key, value


@contextmanager
def _model_path(model: str, suffix: str | None) -> Iterator[str]:
    """Path of the model; model files are read by random access, so standard input becomes a temporary file."""
    if model != "-":
        yield model
        return
    if suffix is None:
        raise click.UsageError('MODEL "-" needs --from, the file type')
    with tempfile.NamedTemporaryFile(suffix=f".{suffix}") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield file.name
