"""wcz verify FILE."""

from __future__ import annotations

import click

import wcodec

from .options import SOURCE, debug_option, json_option, source
from .terminal import show_json


@click.command(short_help="Check a file by decoding all of it.")
@click.argument("file", type=SOURCE)
@json_option
@debug_option
def verify(file: str, as_json: bool) -> None:
    """Check every checksum of FILE, its digest if it has one, and decode every tensor."""
    found = wcodec.verify(source(file))
    if as_json:
        show_json({"file": file, **found._asdict()})
        return
    digest = "SHA-256 and checksums agree" if found.digest else "checksums agree (no digest in the file)"
    click.echo(f"{file}: sound: {found.tensors} tensors, {found.nbytes_decoded:,} bytes decoded, {digest}")
