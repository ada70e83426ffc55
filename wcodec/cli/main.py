"""Entry point of `wcz`: says what is missing where the extra `cli` is not installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; never returns."""
    try:
        from .group import wcz
    except ModuleNotFoundError as e:
        if e.name not in ("click", "rich"):
            raise
        sys.exit(f"error: the wcz command needs {e.name}: pip install 'wcodec[cli]'")
    wcz()
