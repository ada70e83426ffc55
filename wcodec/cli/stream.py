"""wcz stream FILE [OUT]."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import click
import numpy as np

import wcodec

from .array_files import write_npz
from .options import SOURCE, WRITABLE, debug_option, json_option, sink, source
from .terminal import Tick, printable, progress


@click.command(short_help="Decode tensor by tensor, also through pipes.")
@click.argument("file", type=SOURCE, default="-")
@click.argument("out", type=WRITABLE, required=False)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="Give up where nothing comes for so long [default: 60 for a URL, never for a pipe].")  # fmt: skip
@click.option("--prefetch", type=click.IntRange(min=0), default=1, show_default=True,
              help="Tensors that are decoded ahead while one is written.")  # fmt: skip
@json_option
@debug_option
def stream(file: str, out: str | None, timeout: float | None, prefetch: int, as_json: bool) -> None:
    """Decode the tensors of FILE, a path or URL or "-", one after the other as they arrive; one is in memory.

    Without OUT a line is written for each tensor as soon as it is there: name, dtype, shape, mean and standard
    deviation, or with --json an object. OUT is an .npz file; "-" writes it to standard output.
    """
    tensors = wcodec.stream(source(file, timeout), prefetch=prefetch)
    if out is None:
        for name, array in tensors:
            _show(_summary(name, array), as_json)
            del array
        return
    destination = sink(out)
    with progress("decoding") as tick, _opened(destination) as sink_file:
        write_npz(_ticked(tensors, tick), sink_file)


def _opened(destination: Any) -> Any:
    from ..container.files import open_sink

    return nullcontext(destination) if hasattr(destination, "write") else open_sink(destination)


def _ticked(tensors: Iterator[tuple[str, np.ndarray]], tick: Tick) -> Iterator[tuple[str, np.ndarray]]:
    for count, (name, array) in enumerate(tensors, start=1):
        tick(count, None, name)
        yield name, array
        del array


def _summary(name: str, array: np.ndarray) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
    if array.size and array.dtype.kind in "fiub":
        row |= {"mean": float(array.mean(dtype=np.float64)), "std": float(array.std(dtype=np.float64))}
    return row


def _show(row: dict[str, Any], as_json: bool) -> None:
    """A line at once: who reads the other end of a pipe shall not wait for a buffer to fill."""
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
    else:
        numbers = [f"{row[key]:.6g}" for key in ("mean", "std") if key in row]
        click.echo(
            "\t".join([printable(row["name"]), row["dtype"], "x".join(map(str, row["shape"])) or "scalar", *numbers])
        )
    sys.stdout.flush()
