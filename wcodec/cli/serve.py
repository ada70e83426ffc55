"""wcz serve FEED."""

from __future__ import annotations

import click

from .options import debug_option


@click.command(short_help="Serve a feed over HTTP.")
@click.argument("feed", type=click.Path(exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@debug_option
def serve(feed: str, host: str, port: int) -> None:
    """Serve the directory FEED, which `wcz publish` fills, until interrupted."""
    from ..feed.server import serve as serve_directory

    serve_directory(feed, host, port, listening=lambda url: click.echo(f"{feed}: served at {url}", err=True))
