"""Files behind URLs, through fsspec (extra `remote`): http(s), s3 and whatever else has a file system there."""

from __future__ import annotations

import io
import sys
from typing import Any

from ..errors import OptionError, StalledError, TransferError, UnsupportedTypeError

# The end of a file that is fetched first: a small index fits in, and an answer in full shows a server without ranges.
TAIL_NBYTES = 512
FORWARD_BLOCK = 1 << 20  # bytes of one request where a protocol has no answer of open length
TIMEOUT_SECONDS = 60.0


class Remote:
    """A file behind a URL, for every function that takes a source. A plain string does where the defaults do.

    Nothing is transferred before it is opened.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS, **storage_options: Any) -> None:
        """Name a file.

        Args:
            url: of a protocol that fsspec knows.
            timeout: seconds without a byte after which a transfer counts as stalled.
            storage_options: for the file system, as fsspec documents them: headers, keys, an endpoint.

        Raises:
            OptionError: a timeout that is not above 0.
        """
        if not timeout > 0:
            raise OptionError(f"a timeout is above 0, not {timeout}")
        self.url, self.timeout = url, timeout
        self._options = storage_options

    def open_forward(self, start: int = 0) -> RemoteFile:
        """The file from byte `start` to its end, as one transfer where the protocol allows that.

        Raises:
            UnsupportedTypeError: a protocol that fsspec does not know.
            TransferError: there is no such file, or the other side does not answer.
            StalledError: it does not answer in time.
            NoRangesError: the server cannot begin at `start`.
        """
        if start:
            file = self._open(block_size=FORWARD_BLOCK, cache_type="readahead")
            if not _has_ranges(file):
                file.close()
                raise NoRangesError
            file.seek(start)
        else:
            file = self._open(block_size=0 if self._is_http else FORWARD_BLOCK, cache_type="readahead")
        return RemoteFile(file, self.url)

    def open_random(self) -> RemoteFile:
        """The file for reading anywhere: each read is one request of just these bytes.

        Raises:
            NoRangesError: the server gives whole files only.
            TransferError, StalledError: as `open_forward`.
        """
        file = self._open(block_size=FORWARD_BLOCK, cache_type="none")
        if not _has_ranges(file):
            file.close()
            raise NoRangesError
        remote = RemoteFile(file, self.url, nbytes=file.size)
        remote.load_tail()
        return remote

    def has_ranges(self) -> bool:
        """Whether the server sends parts of the file; asks it."""
        try:
            self.open_random().close()
        except NoRangesError:
            return False
        return True

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    @property
    def _is_http(self) -> bool:
        return self.url.startswith(("http://", "https://"))

    def _open(self, **how: Any) -> Any:
        import fsspec

        options = dict(self._options)
        if self._is_http:
            import aiohttp

            # The total stays open: a large file takes its time, a stalled one does not.
            patience = aiohttp.ClientTimeout(total=None, sock_connect=self.timeout, sock_read=self.timeout)
            options["client_kwargs"] = {"timeout": patience, **options.get("client_kwargs", {})}
        try:
            try:
                system, path = fsspec.url_to_fs(self.url, **options)
            except ValueError as e:  # fsspec's word for a protocol that it does not know
                raise UnsupportedTypeError(f"{self.url} cannot be read: {e}") from e
            return system.open(path, "rb", **how)
        except _failures() as e:
            raise _explained(e, self.url) from e


class NoRangesError(Exception):
    """The server gives whole files only. Never leaves this package and those who read a URL by ranges."""


class RemoteFile:
    """A remote file as the container's readers take one; failures of the network become errors of wcodec."""

    def __init__(self, file: Any, url: str, nbytes: int | None = None) -> None:
        self._file, self._url, self._nbytes = file, url, nbytes
        self._tail, self._tail_start = b"", nbytes or 0
        self._position = 0

    def read(self, nbytes: int = -1) -> bytes:
        """Up to `nbytes` bytes from here; fewer only where the source ends or delivers in pieces."""
        if self._nbytes is None:
            return self._transfer(nbytes)
        left = max(self._nbytes - self._position, 0)
        nbytes = left if nbytes < 0 else min(nbytes, left)
        if self._position >= self._tail_start:
            at = self._position - self._tail_start
            data = self._tail[at : at + nbytes]
        else:
            self._file.seek(self._position)
            data = self._transfer(nbytes)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte; the file must have been opened for that."""
        if self._nbytes is None:
            raise io.UnsupportedOperation("this transfer runs forward")
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._nbytes}[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seekable(self) -> bool:
        """Whether it was opened for reading anywhere."""
        return self._nbytes is not None

    def close(self) -> None:
        """End the transfer."""
        self._file.close()

    def load_tail(self) -> None:
        """Fetch the end of the file and keep it."""
        start = max((self._nbytes or 0) - TAIL_NBYTES, 0)
        self.seek(start)
        self._tail, self._tail_start = self.read(TAIL_NBYTES), start

    def _transfer(self, nbytes: int) -> bytes:
        if not nbytes:
            return b""
        try:
            data = self._file.read(nbytes)
        except ValueError as e:  # fsspec's word for an answer that is not the range
            if self._tail:
                raise TransferError(f"{self._url} cannot be read: the server no longer answers with ranges") from e
            raise NoRangesError from e
        except _failures() as e:
            raise _explained(e, self._url) from e
        return bytes(data[:nbytes]) if nbytes >= 0 else bytes(data)


def is_url(src: Any) -> bool:
    """Whether `src` is a string with a scheme."""
    return isinstance(src, str) and "://" in src


def _has_ranges(file: Any) -> bool:
    """fsspec opens what has no size or refuses ranges as a stream; that one says that it can seek, but cannot."""
    return bool(file.seekable()) and file.size is not None


def _failures() -> tuple[type[BaseException], ...]:
    """What a transfer may raise. aiohttp's are no OSErrors; where it was never imported none comes from it."""
    aiohttp = sys.modules.get("aiohttp")
    return (OSError, TimeoutError, aiohttp.ClientError) if aiohttp else (OSError, TimeoutError)


def _explained(e: BaseException, url: str) -> TransferError | StalledError:
    if isinstance(e, TimeoutError) or isinstance(e.__cause__, TimeoutError):
        return StalledError(f"{url} does not answer or has stopped to deliver")
    if isinstance(e, FileNotFoundError):
        return TransferError(f"{url} cannot be read: {e.__cause__ or 'there is no such file'}")
    return TransferError(f"{url} cannot be read: {type(e).__name__}: {e}")
