"""Chunks whose streams are decoded on several threads at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..errors import OptionError
from .stream_jobs import StreamJob

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Decode = Callable[[StreamJob], list[np.ndarray]]


def decoded(
    chunks: Iterable[tuple[T, list[StreamJob]]], decode: Decode, threads: int
) -> Iterator[tuple[T, Iterator[list[np.ndarray]]]]:
    """The arrays of each chunk's streams, in order.

    Args:
        chunks: whatever stands for a chunk, and its streams.
        decode: a stream's arrays.
        threads: that decode; as many chunks and one more are in memory. One decodes a stream when it is asked for.

    Raises:
        OptionError: no thread.
        WczError: as `decode`.
    """
    if threads < 1:
        raise OptionError(f"threads={threads} is not positive")
    if threads == 1:
        for chunk, jobs in chunks:
            yield chunk, map(decode, jobs)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        pending: deque[tuple[T, list[Future[list[np.ndarray]]]]] = deque()
        for chunk, jobs in chunks:
            pending.append((chunk, [pool.submit(decode, job) for job in jobs]))
            if len(pending) > threads:  # enough in flight to keep every thread busy
                yield _results(*pending.popleft())
        while pending:
            yield _results(*pending.popleft())


def _results(chunk: T, futures: list[Future[list[np.ndarray]]]) -> tuple[T, Iterator[list[np.ndarray]]]:
    return chunk, (future.result() for future in futures)
