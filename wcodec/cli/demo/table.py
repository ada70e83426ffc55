"""The demo's one table."""

from __future__ import annotations

import click

from .comparison import Comparison, Row

HEADINGS = ("", "bytes", "ratio", "accuracy before", "after", "decode", "peak memory")


def show_comparison(comparison: Comparison) -> None:
    """Print the table to standard output, the same on a terminal and in a file."""
    click.echo(
        f"LeNet on {comparison.data}: {comparison.weights:,} weights, accuracy on {comparison.images:,} test images\n"
    )
    cells = [HEADINGS, *map(_cells, comparison.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join((first, *rest)))
    click.echo("\nBefore: in Keras. After: the file, decoded and run with numpy in a process without a framework;")
    click.echo("decode time and peak memory are that process's.")


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.nbytes:,}",
        f"{row.ratio:,.1f}x",
        f"{row.accuracy_before:.2%}",
        "" if row.accuracy_after is None else f"{row.accuracy_after:.2%}",
        "" if row.decode_seconds is None else f"{1000 * row.decode_seconds:.1f} ms",
        "" if row.peak_nbytes is None else f"{row.peak_nbytes / 2**20:.1f} MiB",
    )
