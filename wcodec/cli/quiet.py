"""Keeps TensorFlow's notices out of what people see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePath

from ..frontends.registry import FRONTENDS

STDERR = 2


@contextmanager
def without_notices() -> Iterator[None]:
    """Drops what is written to standard error in the block.

    While TensorFlow is imported, its C++ side writes to the file descriptor itself; no setting stops that. An import
    that fails raises, so nothing of use is lost.
    """
    saved, null = os.dup(STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STDERR)
    try:
        yield
    finally:
        os.dup2(saved, STDERR)
        os.close(saved)
        os.close(null)


def keras_quietly(path: str) -> None:
    """Import Keras and what it runs on, if `path` is a file that Keras reads."""
    if PurePath(path).suffix in FRONTENDS["keras_file"].suffixes:
        with without_notices(), suppress(ImportError):  # told where the file is read
            import keras

            keras.ops.zeros(1)
