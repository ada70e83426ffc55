"""Opening of whatever a caller gives."""

from __future__ import annotations

import io
import mmap
import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, Any, TypeAlias

from ..errors import UnsupportedTypeError
from .remote import NoRangesError, Remote, is_url

# path or URL, Remote, bytes-like object or map, readable binary file
Source: TypeAlias = str | os.PathLike[str] | Remote | bytes | bytearray | memoryview | mmap.mmap | IO[bytes]

COPY_PIECE = 1 << 20


class NoRangesWarning(UserWarning):
    """A server sends whole files only, so the whole file is transferred where a part would have done."""


@contextmanager
def open_forward(src: Any) -> Iterator[IO[bytes]]:
    """A readable binary file for a source; closes only what it opened.

    Raises:
        UnsupportedTypeError: no source.
        OSError: as `open` does.
        TransferError, StalledError: a URL that cannot be read.
    """
    if is_url(src) or isinstance(src, Remote):
        with closing(as_remote(src).open_forward()) as file:
            yield file  # type: ignore[misc]
    elif isinstance(src, str | os.PathLike):
        with open(src, "rb") as file:  # noqa: PTH123  # pathlib takes a megabyte of a device's memory
            yield file
    elif isinstance(src, bytes | bytearray | memoryview):
        yield io.BytesIO(src)
    elif isinstance(src, mmap.mmap):
        src.seek(0)
        yield src  # type: ignore[misc]
    elif hasattr(src, "read"):
        yield src
    else:
        raise UnsupportedTypeError(
            f"cannot read a .wcz from a {type(src).__name__}: give a path, bytes or a file, or a URL"
        )


@contextmanager
def open_random(src: Any) -> Iterator[IO[bytes]]:
    """A readable binary file that can seek.

    A URL is read by ranges; from a server without them, the whole file goes into a temporary file, with a
    NoRangesWarning.

    Raises:
        UnsupportedTypeError: no source, or one that cannot seek.
        OSError, TransferError, StalledError: as `open_forward`.
    """
    if is_url(src) or isinstance(src, Remote):
        remote = as_remote(src)
        try:
            ranged = remote.open_random()
        except NoRangesError:
            with _copy_of(remote) as file:
                yield file
        else:
            with closing(ranged):
                yield ranged  # type: ignore[misc]
        return
    with open_forward(src) as file:
        if not can_seek(file):
            raise UnsupportedTypeError("random access needs a source that can seek; use wcodec.stream")
        yield file


def is_forward_only(src: Any) -> bool:
    """Whether `src` is an open file that cannot seek: a pipe, a socket."""
    return hasattr(src, "read") and not isinstance(src, mmap.mmap) and not can_seek(src)


def can_seek(file: Any) -> bool:
    """Whether an open file allows random access."""
    return isinstance(file, mmap.mmap) or bool(getattr(file, "seekable", lambda: False)())


def as_remote(src: str | Remote) -> Remote:
    """The file of a URL."""
    return src if isinstance(src, Remote) else Remote(src)


@contextmanager
def _copy_of(remote: Remote) -> Iterator[IO[bytes]]:
    """The whole file, in a temporary one."""
    import tempfile

    warnings.warn(
        f"{remote.url}: the server sends whole files only; all of it is transferred", NoRangesWarning, stacklevel=5
    )
    with tempfile.TemporaryFile() as copy, closing(remote.open_forward()) as file:
        while piece := file.read(COPY_PIECE):
            copy.write(piece)
        yield copy
