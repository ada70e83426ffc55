"""Where bytes come from and go to: paths, bytes, file objects; writes to a path are atomic."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import TruncatedError, UnsupportedTypeError

READ_PIECE = 1 << 20


@contextmanager
def open_source(src: Any) -> Iterator[IO[bytes]]:
    """A readable binary file for a path, bytes-like object or file object; closes only what it opened.

    Raises:
        UnsupportedTypeError: none of these.
        OSError: as `open` does.
    """
    if isinstance(src, str | os.PathLike):
        with Path(src).open("rb") as file:
            yield file
    elif isinstance(src, bytes | bytearray | memoryview):
        yield io.BytesIO(src)
    elif hasattr(src, "read"):
        yield src
    else:
        raise UnsupportedTypeError(f"cannot read a .wcz from a {type(src).__name__}: give a path, bytes or a file")


@contextmanager
def open_sink(dst: Any) -> Iterator[IO[bytes]]:
    """A writable binary file for a path or file object.

    A path is written as a temporary file beside it and renamed when everything is on disk: on any error the path is
    as it was before.
    """
    if hasattr(dst, "write"):
        yield dst
        return
    path = Path(dst)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_exactly(file: IO[bytes], nbytes: int, what: str) -> bytes:
    """`nbytes` bytes, read piece by piece, so that a lying length never allocates more than the source delivers.

    Raises:
        TruncatedError: the source ends before.
    """
    data = read_at_most(file, nbytes)
    if len(data) < nbytes:
        raise TruncatedError(f"the source ends {nbytes - len(data)} bytes before the end of {what}")
    return data


def read_at_most(file: IO[bytes], nbytes: int) -> bytes:
    """`nbytes` bytes, or all that the source has; a read may return less than it was asked for.

    Raises:
        UnsupportedTypeError: the source gives text.
    """
    pieces, missing = [], nbytes
    while missing:
        piece = file.read(min(missing, READ_PIECE))
        if isinstance(piece, str):
            raise UnsupportedTypeError("the source was opened in text mode; open it with mode 'rb'")
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _umask() -> int:
    # The process's umask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
