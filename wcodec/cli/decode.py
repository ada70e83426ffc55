"""wcz decode FILE OUT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import click
import numpy as np

import wcodec

from ..container.files import open_sink
from .array_files import WRITERS
from .options import SOURCE, WRITABLE, debug_option, json_option, sink, source, threads_option
from .terminal import Tick, progress, show_json


@click.command(short_help="Write the tensors of a file for other tools.")
@click.argument("file", type=SOURCE)
@click.argument("out", type=WRITABLE)
@click.option("--to", "suffix", type=click.Choice(list(WRITERS)), help="File type of OUT [default: its suffix].")
@click.option("--base", type=SOURCE, metavar="FILE.wcz", help="The model that FILE, a delta, is a difference from.")
@threads_option
@json_option
@debug_option
def decode(file: str, out: str, suffix: str | None, base: str | None, threads: int, as_json: bool) -> None:
    """Decode FILE into OUT, a .npz or .safetensors file; "-" is standard input or output.

    On an error OUT is left as it was.
    """
    chosen = suffix or PurePath(out).suffix.lstrip(".")
    if chosen not in WRITERS:
        raise click.UsageError(f"OUT ends in none of .{', .'.join(WRITERS)}: say which with --to")
    counts = {"tensors": 0, "nbytes_decoded": 0}
    with progress("decoding") as tick, open_sink(sink(out)) as destination:
        WRITERS[chosen](_counted(_tensors(file, base, threads), counts, tick), destination)
    if as_json:
        show_json({"file": file, "out": out, **counts}, err=out == "-")
    else:
        click.echo(f"{out}: {counts['tensors']} tensors, {counts['nbytes_decoded']:,} bytes decoded", err=True)


def _tensors(file: str, base: str | None, threads: int) -> Iterator[tuple[str, np.ndarray]]:
    if base is None:
        return wcodec.stream(source(file), threads=threads)
    return iter(wcodec.decode(source(file), base=source(base), threads=threads).items())


def _counted(
    tensors: Iterator[tuple[str, np.ndarray]], counts: dict[str, int], tick: Tick
) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in tensors:
        counts["tensors"] += 1
        counts["nbytes_decoded"] += array.nbytes
        tick(counts["tensors"], None, name)
        yield name, array
