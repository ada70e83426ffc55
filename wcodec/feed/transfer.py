"""Files of a feed, from a web server or a directory. Standard library only: a device that follows a feed has no more.

`wcodec.fetch` fetches a single `.wcz` and checks it chunk by chunk; here the manifest has told size and SHA-256
before, so that any byte is a place to go on from.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import os
import shutil
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import FeedError, StalledError, TransferError
from .manifest import Entry

PIECE = 1 << 16
TIMEOUT_SECONDS = 60.0


class _Answer(NamedTuple):
    """A file that is about to be read: whether it begins where it was asked to, how it is packed, how long it is."""

    file: IO[bytes]
    is_partial: bool = False
    is_gzip: bool = False
    nbytes: int | None = None


class Origin:
    """Where a feed lies: an http(s) URL or a directory.

    Attributes:
        nbytes: bytes of bodies that came over the network so far; those of a directory count too.
    """

    def __init__(self, where: str | os.PathLike[str], timeout: float = TIMEOUT_SECONDS) -> None:
        """Name a feed; nothing is opened yet. `timeout`: seconds without a byte after which a transfer has stalled."""
        self._where = os.fspath(where)
        self._timeout = timeout
        self.nbytes = 0

    def read(self, name: str, max_nbytes: int) -> bytes:
        """A small text file, whole, whose lines all end with LF.

        Raises:
            FeedError: the feed does not have it, or it has more than `max_nbytes` bytes.
            TransferError, StalledError: it cannot be had.
        """
        with self._open(name, {"Accept-Encoding": "gzip"}) as answer:
            data = b"".join(self._pieces(answer.file, max_nbytes + 1))
        if answer.nbytes is not None and len(data) < min(answer.nbytes, max_nbytes):
            raise TransferError(f"{name} of {self._where} ends early")
        try:
            if answer.is_gzip:
                with gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
                    data = unpacked.read(max_nbytes + 1)
        except (OSError, EOFError, zlib.error) as e:
            raise TransferError(f"{name} of {self._where} came damaged") from e
        if len(data) > max_nbytes:
            raise FeedError(f"{name} of {self._where} has more than {max_nbytes:,} bytes")
        if not data.endswith(b"\n"):  # a connection cut within its headers looks like an empty answer
            raise TransferError(f"{name} of {self._where} ends early")
        return data

    def fetch(self, entry: Entry, directory: Path) -> Path:
        """A file of the feed in `directory`, verified; what an earlier call left of it is kept.

        Raises:
            TransferError, StalledError: the transfer broke; what came stays for the next call.
            FeedError: the feed does not have the file, or what came is not what the manifest names and is deleted.
        """
        path = directory / entry.sha256
        if path.exists():
            return path
        part = _part_of(path)
        kept = kept_nbytes(entry, directory)
        if kept < entry.nbytes or not part.exists():  # an empty file has nothing to fetch, but has to be there
            self._append(entry, part, kept)
        if part.stat().st_size < entry.nbytes:
            raise TransferError(f"{entry.path} of {self._where} ends {entry.nbytes - part.stat().st_size} bytes early")
        if _sha256(part) != entry.sha256:
            part.unlink()
            raise FeedError(f"{entry.path} of {self._where} is not the file that the manifest names")
        part.replace(path)
        return path

    def _append(self, entry: Entry, part: Path, kept: int) -> None:
        asked = {"Range": f"bytes={kept}-"} if kept else {}
        with self._open(entry.path, asked, kept) as answer:
            if not answer.is_partial:  # a server without ranges sends all of it
                kept = 0
            with part.open("ab" if kept else "wb") as out:
                # A server that sends more than it should is cut off: the digest decides.
                for piece in self._pieces(answer.file, entry.nbytes - kept):
                    out.write(piece)

    def _pieces(self, file: IO[bytes], nbytes: int) -> Iterator[bytes]:
        while nbytes > 0:
            try:
                piece = file.read(min(PIECE, nbytes))
            except TimeoutError as e:
                raise StalledError(f"{self._where} has stopped to deliver") from e
            except (OSError, http.client.HTTPException) as e:
                raise TransferError(f"a transfer from {self._where} broke: {e}") from e
            if not piece:
                return
            self.nbytes += len(piece)
            nbytes -= len(piece)
            yield piece

    @contextmanager
    def _open(self, name: str, headers: dict[str, str], start: int = 0) -> Iterator[_Answer]:
        if not self._where.startswith(("http://", "https://")):
            with _opened_path(Path(self._where) / name) as local:
                local.seek(start)
                yield _Answer(local, is_partial=True)
            return
        request = urllib.request.Request(f"{self._where.rstrip('/')}/{name}", headers=headers)  # noqa: S310  # http(s), as above
        try:
            answer = urllib.request.urlopen(request, timeout=self._timeout)  # noqa: S310  # http(s), as above
        except urllib.error.HTTPError as e:
            e.close()
            is_passing = e.code >= 500 or e.code in (408, 425, 429)
            raise (TransferError if is_passing else FeedError)(f"{self._where} answers {e.code} for {name}") from e
        except TimeoutError as e:
            raise StalledError(f"{self._where} does not answer") from e
        except (OSError, http.client.HTTPException) as e:
            if isinstance(getattr(e, "reason", None), TimeoutError):
                raise StalledError(f"{self._where} does not answer") from e
            raise TransferError(f"{self._where} cannot be reached: {e}") from e
        with closing(answer):
            told, packing = answer.headers.get("Content-Length", ""), answer.headers.get("Content-Encoding")
            yield _Answer(answer, answer.status == 206, packing == "gzip", int(told) if told.isdecimal() else None)


@contextmanager
def _opened_path(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except FileNotFoundError as e:
        raise FeedError(f"{path} is not there") from e
    with file:
        yield file


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept_nbytes(entry: Entry, directory: Path) -> int:
    """Bytes of a file that earlier calls of `Origin.fetch` have left in `directory`."""
    path = directory / entry.sha256
    found = next((p for p in (path, _part_of(path)) if p.exists()), None)
    return 0 if found is None else min(found.stat().st_size, entry.nbytes)


def _part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def entry_of(path: Path) -> Entry:
    """The entry of a file that lies in a feed already."""
    return Entry(path.name, path.stat().st_size, _sha256(path))


def copy(src: Path, dst: Path) -> None:
    """Copy a file so that `dst` is whole or not there, and on disk when this returns."""
    temporary = dst.with_name(f".{dst.name}.tmp")
    shutil.copyfile(src, temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(dst)
