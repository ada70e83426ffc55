"""wcz demo: train, encode, decode without a framework, compare."""

from __future__ import annotations

import os
from typing import Any

import click

from ..options import debug_option, json_option
from ..quiet import without_notices
from ..terminal import show_json
from .data import DATA


@click.command(short_help="Train, encode and decode a small network; print one table.")
@click.option("--data", type=click.Choice(list(DATA)), default="digits", show_default=True)
@click.option("--mnist", type=click.Path(), metavar="FILE", help="mnist.npz for --data mnist.")
@click.option("--seed", type=int, default=1, show_default=True)
@json_option
@debug_option
def demo(data: str, mnist: str | None, seed: int, as_json: bool) -> None:
    """Train a LeNet on handwritten digits, plain and compressible, and encode both.

    Each file is then decoded, layer by layer, in a process that can import numpy, msgpack and ml_dtypes only.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    click.echo(f"training on {data} (digits: a minute or two, mnist: several) ...", err=True)
    with without_notices():
        from .comparison import compare
        from .table import show_comparison

    comparison = compare(DATA[data](mnist), seed)
    report: dict[str, Any] = {"data": comparison.data, "seed": seed, "rows": [r._asdict() for r in comparison.rows]}
    if as_json:
        show_json(report)
    else:
        show_comparison(comparison)
