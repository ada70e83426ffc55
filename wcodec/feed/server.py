"""A web server for the directory of a feed (extra `serve`). It does nothing that a server of static files does not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from .manifest import MANIFEST_NAME


def application(directory: str | os.PathLike[str]) -> Any:
    """An ASGI application that serves a feed: ETag, Range, the manifest compressed, and how long each may be cached.

    Args:
        directory: of the feed, read on every request; it must exist.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.routing import Route
    from starlette.staticfiles import StaticFiles

    files = StaticFiles(directory=directory)

    async def manifest(request: Any) -> Any:
        answer = await files.get_response(MANIFEST_NAME, request.scope)
        answer.headers["Cache-Control"] = "no-cache"  # ask each time whether it changed
        return answer

    async def published(request: Any) -> Any:
        name = request.path_params["name"]
        if name.startswith("."):  # a file that is being written
            raise HTTPException(404)
        answer = await files.get_response(name, request.scope)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"  # the name holds a digest
        return answer

    return Starlette(
        routes=[
            Route(f"/{MANIFEST_NAME}", manifest, middleware=[Middleware(GZipMiddleware, minimum_size=256)]),
            Route("/{name}", published),
        ]
    )


def serve(
    directory: str | os.PathLike[str], host: str, port: int, *, listening: Callable[[str], None] | None = None
) -> None:
    """Serve a feed until interrupted; one process, one thread.

    Args:
        directory: of the feed.
        host: address to listen on.
        port: 0 takes a free one.
        listening: told the URL, once a reader may come.

    Raises:
        OSError: an address or a port that cannot be had.
    """
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as door:
        if listening is not None:
            name = f"[{host}]" if ":" in host else host
            listening(f"http://{name}:{door.getsockname()[1]}")
        config = uvicorn.Config(application(directory), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[door])
