"""A source that must not stall."""

from __future__ import annotations

import io
import os
import queue
import select
import stat
import threading
from collections.abc import Callable
from typing import IO, Any

from ..errors import OptionError, StalledError

_Read = Callable[[int], bytes]


class Timed:
    """A readable binary file, forward only, whose every read gives something within some seconds, or StalledError.

    For pipes and for whatever has no timeout of its own. It never reads more than it was asked for: what follows a
    file in its stream stays there.
    """

    def __init__(self, file: IO[bytes], seconds: float) -> None:
        """Take over the reading of `file`: nothing else may read from it meanwhile.

        Raises:
            OptionError: a number of seconds that is not above 0.
        """
        if not seconds > 0:
            raise OptionError(f"a timeout is above 0, not {seconds}")
        self._seconds = seconds
        self._stalled = False
        self._read: _Read = _Pipe(file, seconds).read if _is_pipe(file) else _Thread(file, seconds).read

    def read(self, nbytes: int = -1) -> bytes:
        """At least one byte and at most `nbytes`; none at the end of the file.

        Raises:
            StalledError: nothing came in time, now or before.
        """
        if not self._stalled:
            try:
                return self._read(nbytes)
            except queue.Empty:
                self._stalled = True
        raise StalledError(f"the source gave nothing for {self._seconds:g} s")

    def seekable(self) -> bool:
        """A source with a timeout is read forward."""
        return False


def _is_pipe(file: Any) -> bool:
    if not isinstance(file, io.BufferedReader | io.FileIO):
        return False
    try:
        return stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
    except (OSError, ValueError):  # a file of the program's own
        return False


class _Pipe:
    """The system says when a pipe has something."""

    def __init__(self, file: Any, seconds: float) -> None:
        self._file, self._seconds = file, seconds
        self._ahead = _buffered(file)

    def read(self, nbytes: int) -> bytes:
        """queue.Empty where nothing comes."""
        nbytes = io.DEFAULT_BUFFER_SIZE if nbytes < 0 else nbytes
        if self._ahead:
            data, self._ahead = self._ahead[:nbytes], self._ahead[nbytes:]
            return data
        if not select.select([self._file], [], [], self._seconds)[0]:
            raise queue.Empty
        return os.read(self._file.fileno(), nbytes)


def _buffered(file: Any) -> bytes:
    """What a reader has taken from its pipe already, for someone who read before."""
    if not isinstance(file, io.BufferedReader):
        return b""
    blocking = os.get_blocking(file.fileno())
    os.set_blocking(file.fileno(), False)
    try:
        return file.read1(len(file.peek()))
    finally:
        os.set_blocking(file.fileno(), blocking)


class _Thread:
    """A thread waits, one request at a time; one that waits for ever does not keep the program from its end."""

    def __init__(self, file: IO[bytes], seconds: float) -> None:
        self._seconds = seconds
        self._wanted: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._given: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # What is at hand, without waiting for all that was asked for. Not self: the thread shall not keep its owner.
        work = (getattr(file, "read1", file.read), self._wanted, self._given)
        threading.Thread(target=_serve, args=work, name="wcodec-timed-source", daemon=True).start()

    def read(self, nbytes: int) -> bytes:
        """queue.Empty where nothing comes."""
        self._wanted.put(nbytes)
        given = self._given.get(timeout=self._seconds)
        if isinstance(given, Exception):
            raise given
        return given  # type: ignore[no-any-return]

    def __del__(self) -> None:
        self._wanted.put(None)


def _serve(read: _Read, wanted: queue.SimpleQueue[int | None], given: queue.SimpleQueue[Any]) -> None:
    while (nbytes := wanted.get()) is not None:
        try:
            given.put(read(nbytes))
        except Exception as e:  # noqa: BLE001  # it belongs to the reader's thread
            given.put(e)
