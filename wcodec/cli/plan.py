"""wcz plan MODEL."""

from __future__ import annotations

from typing import Any

import click

from ..plan import CANDIDATES, Row, Suggestion, suggest
from ..plan.candidates import USUAL
from .options import SIZE, WRITABLE, debug_option, json_option, sink
from .quiet import keras_quietly
from .terminal import progress, show_json, show_table

COLUMNS = ("name", "shape", "kind", "rank", "step/rms", "error", "bytes", "dense bytes")
NUMBERS = ("step/rms", "error", "bytes", "dense bytes")


@click.command(short_help="Suggest a kind and a rank for every matrix of a model.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
@click.option("--target-bytes", type=SIZE, metavar="SIZE", help="Size of the whole file: the least error within it.")
@click.option("--max-error", type=float, metavar="X", help="Relative error of every tensor: the fewest bytes for it.")
@click.option("--kind", "kinds", type=click.Choice(list(CANDIDATES)), multiple=True, help="Kinds to try beside dense.")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="IMAGE", help="Write size-error curves (.png, .svg).")
@click.option("-o", "--out", type=WRITABLE, help="Write the .wcz too.")
@json_option
@debug_option
def plan(
    model: str,
    target_bytes: int | None,
    max_error: float | None,
    kinds: tuple[str, ...],
    plot: str | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Factor, quantize and code every matrix of MODEL in many ways, and print the choice for a target.

    No choice takes more bytes than dense coding of the same error. Vectors and small tensors stay near-lossless.
    """
    keras_quietly(model)
    with progress("measuring") as tick:
        found = suggest(model, target_bytes=target_bytes, max_error=max_error, kinds=kinds or USUAL, progress=tick)
    if plot is not None:
        found.plot(plot)
    if out is not None:
        from ..encoding.encoder import encode

        encode(found.weights, sink(out))
    if as_json:
        show_json({"model": model, "nbytes": found.nbytes, "tensors": [_as_dict(row) for row in found.rows]})
    else:
        _show(model, found)


def _as_dict(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "shape": row.shape,
        "kind": row.chosen.kind,
        "rank": row.rank,
        "fraction": row.chosen.fraction,
        "error": row.chosen.error,
        "nbytes": row.chosen.nbytes,
        "dense_nbytes": row.dense_nbytes,
        "points": [{"kind": p.kind, "nbytes": p.nbytes, "error": p.error} for p in row.points],
    }


def _show(model: str, found: Suggestion) -> None:
    cells = [
        (
            row.name,
            "x".join(map(str, row.shape)),
            row.chosen.kind,
            row.rank,
            f"{row.chosen.fraction:.3g}",
            f"{row.chosen.error:.4f}",
            f"{row.chosen.nbytes:,}",
            f"{row.dense_nbytes:,}",
        )
        for row in found.rows
    ]
    show_table(model, COLUMNS, cells, numbers=NUMBERS)
    chosen = sum(row.chosen.nbytes for row in found.rows)
    dense = sum(row.dense_nbytes for row in found.rows)
    click.echo(f"{found.nbytes:,} bytes in all; these tensors {chosen:,}, dense with the same errors {dense:,}")
