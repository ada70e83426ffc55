"""Exact reads from a file, and atomic writes to a path."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from ..errors import LimitError, TruncatedError, UnsupportedTypeError
from .memory import LARGE_BODY, allocate, read_into

READ_PIECE = 1 << 20  # where the source may not have what its frames announce
LARGE_PIECE = 1 << 24  # where its size is known


@contextmanager
def open_sink(dst: Any) -> Iterator[IO[bytes]]:
    """A writable binary file for a path or file object.

    A path is written as a temporary file beside it and renamed when everything is on disk: on any error the path is
    as it was before.

    Raises:
        UnsupportedTypeError, OSError: as `check_sink`.
    """
    check_sink(dst)
    if hasattr(dst, "write"):
        yield dst
        return
    import tempfile  # a decoder on a device writes nothing, and saves the memory of both
    from pathlib import Path

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


def check_sink(dst: Any) -> None:
    """Refuse what cannot be written, before the work whose result should go there.

    Raises:
        UnsupportedTypeError: neither a path nor a file open for writing bytes.
        OSError: a path that is a directory, or lies in none.
    """
    if hasattr(dst, "write"):
        if isinstance(dst, io.TextIOBase) or not getattr(dst, "writable", lambda: True)():
            raise UnsupportedTypeError("the destination is not open for writing bytes; open it with mode 'wb'")
        return
    if not isinstance(dst, str | os.PathLike):
        raise UnsupportedTypeError(f"cannot write to a {type(dst).__name__}: give a path or a file")
    path = os.fspath(dst)
    if not path or os.path.isdir(path):  # noqa: PTH112  # pathlib takes a megabyte of a device's memory
        raise IsADirectoryError(errno.EISDIR, "cannot write a file over a directory", path)
    folder = os.path.dirname(path) or "."  # noqa: PTH120
    if not os.path.isdir(folder):  # noqa: PTH112
        raise FileNotFoundError(errno.ENOENT, "no such directory to write to", folder)


def read_exactly(file: IO[bytes], nbytes: int, what: str, piece_nbytes: int = READ_PIECE) -> memoryview:
    """`nbytes` bytes, read piece by piece, so that a lying length never takes more than the source delivers.

    Raises:
        TruncatedError: the source ends before.
        LimitError: the system has no room for so many.
    """
    if nbytes >= LARGE_BODY:
        return _read_large(file, nbytes, what, piece_nbytes)
    data = read_at_most(file, nbytes)
    if len(data) < nbytes:
        raise TruncatedError(f"the source ends {nbytes - len(data)} bytes before the end of {what}")
    return memoryview(data)


def _read_large(file: IO[bytes], nbytes: int, what: str, piece_nbytes: int) -> memoryview:
    try:
        data = memoryview(allocate(nbytes))
    except MemoryError as e:
        raise LimitError(f"not enough memory for {nbytes} bytes of {what}") from e
    done = read_into(file, data, piece_nbytes)
    if done < nbytes:
        raise TruncatedError(f"the source ends {nbytes - done} bytes before the end of {what}")
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
