"""wcz inspect FILE."""

from __future__ import annotations

import io
import math
import sys
from typing import Any

import click

import wcodec

from ..decoding.details import TensorDetails
from .options import SOURCE, debug_option, json_option
from .terminal import printable, show_json, show_table

COLUMNS = ("name", "dtype", "shape", "kind", "coder", "bytes", "bits/weight")
NUMBERS = ("bytes", "bits/weight")


@click.command(short_help="List what a file holds, without decoding it.")
@click.argument("file", type=SOURCE)
@click.option("--details", is_flag=True, help="Of a URL read every chunk too, for dtypes, shapes and coders.")
@json_option
@debug_option
def inspect(file: str, details: bool, as_json: bool) -> None:
    """List the tensors of FILE. A number of bytes such as 210/7 is that of a chunk which 7 tensors share.

    FILE may be a URL: only its header and index are transferred, which have names and sizes.
    """
    if "://" in file and not details:
        _inspect_from_afar(file, as_json)
        return
    # Random access needs a source that can seek; standard input may be a pipe.
    with wcodec.safe_open(io.BytesIO(sys.stdin.buffer.read()) if file == "-" else file) as opened:
        rows = opened.tensor_details()
        totals = _totals(opened.nbytes, rows)
        graph, metadata = opened.graph(), opened.metadata()
    if as_json:
        tensors = [row._asdict() for row in rows]
        show_json({"file": file, **totals, "metadata": metadata, "graph": graph is not None, "tensors": tensors})
        return
    show_table(file, COLUMNS, [_cells(row) for row in rows], numbers=NUMBERS)
    for key, value in metadata.items():
        click.echo(printable(f"{key}={value}"))
    click.echo(
        f"{len(rows)} tensors, {totals['weights']:,} weights, {totals['nbytes']:,} bytes "
        f"({totals['payload_nbytes']:,} payload + {totals['overhead_nbytes']:,} container), {totals['ratio']:.2f}x, "
        f"{totals['bits_per_weight']:.3f} bits/weight, {'with' if graph is not None else 'no'} graph"
    )


def _inspect_from_afar(url: str, as_json: bool) -> None:
    with wcodec.safe_open(url) as opened:
        rows, nbytes = opened.chunk_sizes(), opened.nbytes
        graph, metadata = opened.graph(), opened.metadata()
    if as_json:
        tensors = [row._asdict() for row in rows]
        show_json({"file": url, "nbytes": nbytes, "metadata": metadata, "graph": graph is not None, "tensors": tensors})
        return
    cells = [(row.name, f"{row.nbytes:,}" if row.shared_by == 1 else f"{row.nbytes:,}/{row.shared_by}") for row in rows]
    show_table(url, ("name", "bytes"), cells, numbers=NUMBERS)
    for key, value in metadata.items():
        click.echo(printable(f"{key}={value}"))
    click.echo(f"{len(rows)} tensors, {nbytes:,} bytes, {'with' if graph is not None else 'no'} graph")


def _totals(nbytes: int, rows: list[TensorDetails]) -> dict[str, Any]:
    weights = sum(math.prod(row.shape) for row in rows)
    original = sum(math.prod(row.shape) * _itemsize(row.dtype) for row in rows)
    payload = round(sum(row.nbytes / row.shared_by for row in rows))  # members of a chunk each carry its bytes
    return {
        "nbytes": nbytes,
        "payload_nbytes": payload,
        "overhead_nbytes": nbytes - payload,
        "original_nbytes": original,
        "weights": weights,
        "ratio": original / nbytes,
        "bits_per_weight": 8 * nbytes / max(weights, 1),
    }


def _itemsize(dtype: str) -> int:
    from ..dtypes import DTYPES, dtype_of

    return dtype_of(DTYPES[dtype]).itemsize


def _cells(row: TensorDetails) -> tuple[str, ...]:
    alone, weights = row.shared_by == 1, math.prod(row.shape)
    return (
        row.name,
        row.dtype,
        "x".join(map(str, row.shape)) or "scalar",
        row.kind,
        "+".join(row.coders),
        f"{row.nbytes:,}" if alone else f"{row.nbytes:,}/{row.shared_by}",
        f"{8 * row.nbytes / weights:.3f}" if alone and weights else "",
    )
