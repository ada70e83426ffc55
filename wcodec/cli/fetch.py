"""wcz fetch URL OUT."""

from __future__ import annotations

import click

from .options import debug_option, json_option
from .terminal import progress, show_json


@click.command(short_help="Download a file; an interrupted download goes on.")
@click.argument("url")
@click.argument("out", type=click.Path(dir_okay=False))
@click.option("--attempts", type=click.IntRange(min=1), default=3, show_default=True, help="Transfers to begin.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
              help="Seconds without a byte after which a transfer counts as stalled.")  # fmt: skip
@json_option
@debug_option
def fetch(url: str, out: str, attempts: int, timeout: float, as_json: bool) -> None:
    """Download URL to OUT, verifying it chunk by chunk.

    What arrived before an interruption is kept in OUT.part, and the next call goes on behind it.
    """
    from ..decoding.download import fetch as fetch_file
    from ..sources import Remote

    with progress("fetching") as tick:
        done = fetch_file(
            Remote(url, timeout=timeout), out, attempts=attempts, progress=lambda n: tick(n, None, "bytes")
        )
    if as_json:
        show_json({"url": url, "out": out, **done._asdict()})
        return
    digest = "SHA-256 agrees" if done.digest else "checksums agree (no digest in the file)"
    click.echo(f"{out}: {done.nbytes:,} bytes, of which {done.kept:,} were there already; {digest}", err=True)
