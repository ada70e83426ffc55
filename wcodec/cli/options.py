"""Parameters that verbs share."""

from __future__ import annotations

import sys
from typing import IO, Any, cast

import click

EXISTING = click.Path(exists=True, dir_okay=False, allow_dash=True)
WRITABLE = click.Path(dir_okay=False, allow_dash=True)


def source(path: str) -> str | IO[bytes]:
    """What wcodec reads for a command-line path: "-" is standard input."""
    return sys.stdin.buffer if path == "-" else path


def sink(path: str) -> str | IO[bytes]:
    """What wcodec writes for a command-line path: "-" is standard output, unless that is a terminal."""
    if path != "-":
        return path
    if sys.stdout.isatty():
        raise click.UsageError("standard output is a terminal: redirect it, or name a file")
    return sys.stdout.buffer


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().params["debug"] = True


def debug_option(command: Any) -> Any:
    """--debug after the verb, the same as before it."""
    option = click.option(
        "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show the traceback of an error."
    )
    return cast(Any, option(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Write the report as one JSON object.")
