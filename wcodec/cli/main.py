"""Entry point of `wcz`: says what is missing where the extra `cli` is not installed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; never returns."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notices are not for who encodes a file
    try:
        from .group import wcz
    except ModuleNotFoundError as e:
        if e.name not in ("click", "rich"):
            raise
        sys.exit(f"error: the wcz command needs {e.name}: pip install 'wcodec[cli]'")
    wcz(prog_name="wcz")
