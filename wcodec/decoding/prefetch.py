"""Work ahead on a thread, bounded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


def ahead(items: Generator[T, None, None], count: int) -> Iterator[T]:
    """`items` in order, made by a thread that is at most `count` of them ahead of the caller.

    An error among them is raised where its item would have come. A caller who stops early ends the thread, and
    `items` is closed there, as soon as the item in work is done: it may hang on a source that does not deliver, which
    keeps neither the caller nor the end of the program.
    """
    ready: queue.Queue[Any] = queue.Queue()
    room = threading.Semaphore(count)
    stopped = threading.Event()
    threading.Thread(target=_fill, args=(items, ready, room, stopped), name="wcodec-prefetch", daemon=True).start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            room.release()  # the caller has it now; while he works, the next one is made
            yield item
            del item
    finally:
        stopped.set()
        room.release()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _fill(items: Generator[T, None, None], ready: queue.Queue[Any], room: threading.Semaphore, stopped: Any) -> None:
    try:
        while True:
            room.acquire()
            if stopped.is_set():
                return
            try:
                ready.put(next(items))
            except StopIteration:
                return
    except BaseException as e:  # noqa: BLE001  # it belongs to the caller's thread
        ready.put(_Failure(e))
    finally:
        items.close()
        ready.put(_END)
