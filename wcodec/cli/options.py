"""Parameters that verbs share."""

from __future__ import annotations

import re
import sys
from typing import IO, Any, cast

import click

UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}


class Size(click.ParamType[int]):
    """A number of bytes, with or without a unit: 70KB, 1.5MiB, 71680."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([0-9.]+) *([A-Za-z]*)", str(value))
        if found is None or found[2].upper() not in UNITS or found[1].count(".") > 1 or not found[1].strip("."):
            self.fail(f"{value!r} is not a size like 70KB or 71680", param, ctx)
        return int(float(found[1]) * UNITS[found[2].upper()])


class Pair(click.ParamType[tuple[float, float]]):
    """Two numbers: 0,255."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        try:
            low, high = map(float, str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not LOW,HIGH", param, ctx)
        return low, high


class PathOrUrl(click.Path):
    """A file to read, "-", or a URL, which is looked at when it is read."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if "://" in str(value) else super().convert(value, param, ctx)


SIZE, PAIR = Size(), Pair()
SOURCE = PathOrUrl(exists=True, dir_okay=False, allow_dash=True)
EXISTING = click.Path(exists=True, dir_okay=False, allow_dash=True)
WRITABLE = click.Path(dir_okay=False, allow_dash=True)
FOLDER = click.Path(file_okay=False)


def source(path: str, timeout: float | None = None) -> Any:
    """What wcodec reads for a command-line path or URL: "-" is standard input.

    Args:
        path: as given.
        timeout: seconds without a byte after which a URL or standard input counts as stalled.
    """
    from ..sources import Remote, Timed

    if path == "-":
        return sys.stdin.buffer if timeout is None else Timed(sys.stdin.buffer, timeout)
    return Remote(path, timeout=timeout) if "://" in path and timeout is not None else path


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


threads_option = click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="That code; the bytes are the same."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write the report as one JSON object.")
