"""wcz pull FEED MODEL."""

from __future__ import annotations

import click

from .options import EXISTING, debug_option, json_option
from .terminal import show_json


@click.command(short_help="Bring a model file to the newest version of a feed.")
@click.argument("feed")
@click.argument("model", type=click.Path(dir_okay=False))
@click.option("--public-key", type=EXISTING, help="PEM file with the Ed25519 key that must have signed the manifest.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
              help="Seconds without a byte after which a transfer counts as stalled.")  # fmt: skip
@json_option
@debug_option
def pull(feed: str, model: str, public_key: str | None, timeout: float, as_json: bool) -> None:
    """Bring MODEL to the newest version of FEED, a URL or a directory, in the fewest bytes.

    An interrupted transfer goes on where it ended; MODEL is replaced when the new one is complete and verified.
    """
    from ..feed import pull as pull_version

    done = pull_version(feed, model, public_key=public_key, timeout=timeout)
    if as_json:
        show_json({"file": model, **done._asdict()})
        return
    how = "was new already" if not done.was_new else f"by {done.deltas} deltas" if done.deltas else "as a whole model"
    click.echo(f"{model}: version {done.version} {how}, {done.nbytes:,} bytes transferred")
