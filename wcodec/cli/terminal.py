"""What people see: tables and progress on a terminal, plain columns elsewhere, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

Tick = Callable[[int, int | None, str], None]  # done, of how many where that is known, name of the last


def show_json(report: Mapping[str, Any], *, err: bool = False) -> None:
    """One JSON object on a line of its own, on standard output, or on standard error where that carries data."""
    click.echo(json.dumps(report, ensure_ascii=False), err=err)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str]) -> None:
    """A table on standard output: drawn on a terminal, tab-separated with a header line elsewhere.

    Args:
        title: shown on a terminal only.
        columns: headings.
        rows: one string a column each.
        numbers: headings of the columns that are set right.
    """
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            click.echo("\t".join(map(printable, row)))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # as text: "[red]" is a name like any other
    Console().print(table)


def printable(text: str) -> str:
    """The text with its control characters spelled out: a name from a file commands no terminal and adds no line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def progress(what: str) -> Iterator[Tick]:
    """A bar on standard error while the block runs, if that is a terminal; else a tick that does nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total, name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    name_column = TextColumn("{task.fields[name]}", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), name_column)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, name="")
        yield lambda done, total, name: bar.update(task, completed=done, total=total, name=printable(name))
