"""Servers on loopback. `serving`: a real one, in a thread, that serves the files of a folder well or badly and counts.

/ranges/NAME    with ranges
/whole/NAME     without, and says so
/silent/NAME    without, and does not say so
/cut.N/NAME     with ranges, but every answer breaks off at the N-th byte of the file, once `taken` is set
/stall.N/NAME   as whole, and goes quiet after N bytes
/long/NAME      as whole, and announces more than it sends
"""

import asyncio
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PIECE = 4096
PATIENCE = 30  # seconds, for a client that never says that it has taken what came


@dataclass
class Served:
    """One answer: of which request, and how many bytes its body had."""

    method: str
    path: str
    wanted: str | None
    nbytes: int = 0


@dataclass
class Server:
    """The server of one folder.

    Attributes:
        log: its answers, the newest last.
        taken: a client whose answer is to be cut has taken in what comes before the cut. HTTP clients may drop what
            they have received but not handed over when a connection breaks, so a test that counts on it says when.
    """

    url: str
    folder: Path
    log: list[Served] = field(default_factory=list)
    taken: threading.Event = field(default_factory=threading.Event)

    def sent(self) -> int:
        """Bytes of all bodies."""
        return sum(answer.nbytes for answer in self.log)

    async def __call__(self, scope, receive, send) -> None:
        """The ASGI application."""
        headers = dict(scope["headers"])
        wanted = headers[b"range"].decode() if b"range" in headers else None
        answer = Served(scope["method"], scope["path"], wanted)
        self.log.append(answer)

        async def counted(message):
            if message["type"] == "http.response.body" and answer.method != "HEAD":
                answer.nbytes += len(message.get("body", b""))
            await send(message)

        await self._response(scope["path"], wanted, answer.method)(scope, receive, counted)

    def _response(self, path: str, wanted: str | None, method: str):
        from starlette.responses import FileResponse, PlainTextResponse

        _, manner, name = path.split("/")
        manner, _, count = manner.partition(".")
        file = self.folder / name
        if not file.exists():
            return PlainTextResponse("no such file", 404)
        data = file.read_bytes()
        if manner == "ranges":
            return FileResponse(file)
        if manner == "cut":
            return self._cut(data, int(count), wanted, method)
        if manner == "stall":
            return _stream(data[: int(count)], len(data), asyncio.sleep, 30 if method == "GET" else 0)
        return _stream(
            data,
            len(data) + (1000 if manner == "long" else 0),
            headers={"Accept-Ranges": "none"} if manner == "whole" else {},
        )

    def _cut(self, data: bytes, count: int, wanted: str | None, method: str):
        if wanted is None:
            return _stream(data[:count], len(data), self._until_taken if method == "GET" else _no_wait)
        start, end = wanted.removeprefix("bytes=").split("-")
        first, stop = int(start), min(int(end) + 1, len(data))
        wait = self._until_taken if stop > count else _no_wait
        headers = {"Content-Range": f"bytes {first}-{stop - 1}/{len(data)}"}
        return _stream(data[first : min(stop, count)], stop - first, wait, status=206, headers=headers)

    async def _until_taken(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.taken.is_set() and time.monotonic() < deadline:
            await asyncio.sleep(0.005)


async def _no_wait() -> None:
    """Nothing to wait for."""


def _stream(data: bytes, announced: int, then=_no_wait, *arguments, status: int = 200, headers=()):
    from starlette.responses import StreamingResponse

    async def body():
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]
        await then(*arguments)

    return StreamingResponse(body(), status, {"Content-Length": str(announced), **dict(headers)})


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server of `folder` on a free port of 127.0.0.1."""
    import uvicorn

    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", folder)
    runner = uvicorn.Server(uvicorn.Config(server, "127.0.0.1", port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    while not runner.started:
        time.sleep(0.01)
    yield server
    runner.should_exit = runner.force_exit = True
    thread.join(timeout=10)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_answers(url: str, patience: float = 60) -> None:
    """Wait for the server that another process starts."""
    deadline = time.monotonic() + patience
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
