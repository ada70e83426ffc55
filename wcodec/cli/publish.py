"""wcz publish MODEL FEED."""

from __future__ import annotations

import click

from .options import EXISTING, debug_option, json_option
from .terminal import show_json


@click.command(short_help="Add a model to a feed as its next version.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
@click.argument("feed", type=click.Path(file_okay=False))
@click.option("--key", type=EXISTING, help="PEM file with an Ed25519 private key that signs the manifest.")
@click.option("--keep", type=click.IntRange(1), default=100, show_default=True, help="Versions that stay in the feed.")
@json_option
@debug_option
def publish(model: str, feed: str, key: str | None, keep: int, as_json: bool) -> None:
    """Copy MODEL, a .wcz file, into the directory FEED, with the difference from the version before it.

    Any web server can host the directory; `wcz serve` is one.
    """
    from ..feed import publish as publish_version

    done = publish_version(model, feed, private_key=key, keep=keep)
    version = done.version
    sizes = {
        kind: 0 if entry is None else entry.nbytes
        for kind, entry in (("model", version.model), ("delta", version.delta))
    }
    if as_json:
        show_json({"version": version.number, "digest": version.digest, "new": done.is_new, "nbytes": sizes})
    elif done.is_new:
        delta = f"delta {sizes['delta']:,} bytes" if version.delta else "no delta"
        click.echo(f"{feed}: version {version.number}, {sizes['model']:,} bytes, {delta}")
    else:
        click.echo(f"{feed}: version {version.number} is this very model already")
