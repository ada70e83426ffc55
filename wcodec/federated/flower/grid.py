"""The server's end: a grid whose array records travel packed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from logging import INFO, WARNING
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Error, Message, RecordDict
from flwr.serverapp import Grid

from ...errors import BaseMismatchError, BaseMissingError, WczError
from ...rounds import Broadcaster, Plan
from .records import MARK, NEED_FRAME, PACKED, is_packed, logger, packed_record, to_arrays, to_record
from .traffic import Traffic

REFUSED = 465  # code of the error that a strategy sees in place of a refused update
MOST_THREADS = 8

Received = dict[tuple[str, int], dict[str, Any] | WczError]  # record name and node -> model, or why it is refused


class WczGrid(Grid):  # type: ignore[misc]  # flwr is no part of the type check
    """A grid whose array records travel packed.

    Attributes:
        traffic: what each call moved, the newest last.
        broadcasters: record name -> the server's end of that record.
    """

    def __init__(self, grid: Grid, plan: Plan | None = None, *, threads: int | None = None) -> None:
        """Wrap a grid.

        Args:
            grid: of Flower's server app.
            plan: how the federation runs.
            threads: that decode the updates of a round; by default one a processor, 8 at most.
        """
        self.traffic: list[Traffic] = []
        self.broadcasters: dict[str, Broadcaster] = {}
        self._grid, self._plan = grid, plan or Plan()
        self._threads = threads or min(os.cpu_count() or 1, MOST_THREADS)
        self._object_ids: dict[str, str] = {}
        self._has_mod: dict[int, bool] = {}
        self._addressed: set[int] = set()

    def begin(self, arrays: ArrayRecord, key: str = "arrays") -> ArrayRecord:
        """What clients will hold of the first model: to be given to a strategy as its initial arrays, where a rounded
        start will do as well. Otherwise the strategy keeps the exact one, and broadcasts make up for the difference."""
        broadcaster = self.broadcasters.setdefault(key, Broadcaster(self._plan))
        broadcaster.publish(to_arrays(arrays))
        rounded = to_record(broadcaster.adopt())
        self._object_ids[key] = rounded.object_id
        return rounded

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Pack, send, wait, unpack; a node that lacks what a packet needs is sent a frame within the same time."""
        originals = {m.metadata.dst_node_id: (m, m.content) for m in messages}
        if not originals:
            return []
        traffic = Traffic(len(self.traffic) + 1, nodes=len(originals))
        self.traffic.append(traffic)
        end = None if timeout is None else time.monotonic() + timeout
        pending, replies = dict(originals), []
        while pending:
            packed = [self._pack(m, content, pending, traffic) for m, content in pending.values()]
            left = None if end is None else max(end - time.monotonic(), 0.0)
            answers = list(self._grid.send_and_receive(packed, timeout=left))
            again = {}
            for answer, reply in zip(answers, self._unpack_all(answers, traffic), strict=True):
                node = answer.metadata.src_node_id
                if reply is None:
                    message, content = originals[node]
                    again[node] = (_copy(message, content), content)
                else:
                    replies.append(reply)
            traffic.errors += len(pending) - len(answers)
            pending = again if end is None or time.monotonic() < end else {}
        logger.log(INFO, "wcodec: %s", traffic)
        return replies

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Pack and send."""
        listed = {m.metadata.dst_node_id: (m, m.content) for m in messages}
        traffic = Traffic(len(self.traffic) + 1, nodes=len(listed))
        self.traffic.append(traffic)
        packed = [self._pack(m, content, listed, traffic) for m, content in listed.values()]
        return list(self._grid.push_messages(packed))

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Receive and unpack; a node that needs a frame counts as failed, its next packet has one."""
        traffic = self.traffic[-1] if self.traffic else Traffic(0)
        answers = list(self._grid.pull_messages(message_ids))
        replies = zip(answers, self._unpack_all(answers, traffic), strict=True)
        lacking = Error(REFUSED, "the client lacked what the packet needed; its next one has a frame")
        return [_error(answer, lacking) if reply is None else reply for answer, reply in replies]

    def held(self, key: str = "arrays") -> dict[str, Any]:
        """The arrays that clients hold which are up to date: the newest version as it was broadcast."""
        model = self.broadcasters[key].model
        return {} if model is None else model.arrays()

    # What is left as it is.

    def set_run(self, run: Any) -> None:
        """See Grid."""
        self._grid.set_run(run)

    @property
    def run(self) -> Any:
        """See Grid."""
        return self._grid.run

    def create_message(self, *arguments: Any, **options: Any) -> Message:
        """See Grid."""
        return self._grid.create_message(*arguments, **options)

    def get_node_ids(self) -> Iterable[int]:
        """See Grid."""
        return list(self._grid.get_node_ids())

    def get_nodes(self) -> Iterable[Any]:
        """See Grid."""
        return list(self._grid.get_nodes())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grid, name)

    # Packing.

    def _pack(self, message: Message, content: RecordDict, nodes: Iterable[int], traffic: Traffic) -> Message:
        node = message.metadata.dst_node_id
        self._addressed.add(node)
        started = time.perf_counter()
        records: dict[str, Any] = {}
        traffic.kind = message.metadata.message_type
        for key, record in content.items():
            records[key] = record
            if isinstance(record, ArrayRecord) and len(record):
                plain = sum(len(array.data) for array in record.values())
                if self._has_mod.get(node, True):
                    records[key] = self._packed(key, record, node, nodes, traffic)
                traffic.plain_down += plain
                traffic.down += sum(len(array.data) for array in records[key].values())
        message.content = RecordDict(records)
        traffic.encode_seconds += time.perf_counter() - started
        return message

    def _packed(self, key: str, record: ArrayRecord, node: int, nodes: Iterable[int], traffic: Traffic) -> ArrayRecord:
        broadcaster = self.broadcasters.setdefault(key, Broadcaster(self._plan))
        if self._object_ids.get(key) != record.object_id:  # once for all nodes
            broadcaster.publish(to_arrays(record), nodes)
            self._object_ids[key] = record.object_id
        traffic.frames += not broadcaster.holds_a_version(node)
        return packed_record(broadcaster.packet(node))

    def _unpack_all(self, replies: Sequence[Message], traffic: Traffic) -> list[Message | None]:
        """The replies as a strategy expects them; None where a node has to be sent its message again."""
        started = time.perf_counter()
        received = self._receive_all(replies)
        traffic.decode_seconds += time.perf_counter() - started
        return [self._unpack(reply, received, traffic) for reply in replies]

    def _receive_all(self, replies: Sequence[Message]) -> Received:
        """The models of all updates; the first of each node and record, whatever a node sends besides."""
        updates: dict[str, dict[int, Any]] = {key: {} for key in self.broadcasters}
        for reply in replies:
            for key, record in reply.content.items() if reply.has_content() else ():
                if is_packed(record) and key in updates:
                    updates[key].setdefault(reply.metadata.src_node_id, record[PACKED].data)
        with ThreadPoolExecutor(self._threads) as pool:
            return {
                (key, node): result
                for key, of_nodes in updates.items()
                for node, result in self.broadcasters[key].receive_all(of_nodes, pool).items()
            }

    def _unpack(self, reply: Message, received: Received, traffic: Traffic) -> Message | None:
        """The reply as a strategy expects it, its update being one of those `received`."""
        node = reply.metadata.src_node_id
        if reply.has_error() or not reply.has_content():
            return self._unpack_error(reply, node, traffic)
        records = dict(reply.content.items())
        mark = records.pop(MARK, None)
        if mark is None and not any(is_packed(record) for record in records.values()):
            return self._unpack_plain(reply, node, traffic)
        self._has_mod[node] = True
        if isinstance(mark, ConfigRecord) and mark.get(NEED_FRAME):
            logger.log(INFO, "wcodec: node %s needs a whole model: %s", node, mark.get("reason"))
            self._forget(node)
            return None
        for broadcaster in self.broadcasters.values():
            broadcaster.arrived(node)
        try:
            for key, record in records.items():
                if is_packed(record):
                    records[key] = _plain(received.pop((key, node), None), traffic)
                    traffic.up += len(record[PACKED].data)
        except WczError as e:
            traffic.refused += 1
            logger.log(WARNING, "wcodec: refused the update of node %s: %s: %s", node, type(e).__name__, e)
            if isinstance(e, BaseMismatchError | BaseMissingError):
                self._forget(node)
            return _error(reply, Error(REFUSED, f"{type(e).__name__}: {e}"))
        reply.content = RecordDict(records)
        return reply

    def _unpack_error(self, reply: Message, node: int, traffic: Traffic) -> Message | None:
        """An error of a client that was never heard of may be its way to say that it has no mod.

        Where a client does not answer, the SuperLink may do so in its place, with a number of its own.
        """
        if node in self._addressed and node not in self._has_mod and self.broadcasters:
            logger.log(INFO, "wcodec: node %s answered with an error: once more, with plain arrays", node)
            self._has_mod[node] = False
            return None
        traffic.errors += 1
        return reply

    def _unpack_plain(self, reply: Message, node: int, traffic: Traffic) -> Message | None:
        if node not in self._has_mod and self.broadcasters:
            self._has_mod[node] = False
            return None
        nbytes = sum(len(a.data) for r in reply.content.values() if isinstance(r, ArrayRecord) for a in r.values())
        traffic.up += nbytes
        traffic.plain_up += nbytes
        return reply

    def _forget(self, node: int) -> None:
        for broadcaster in self.broadcasters.values():
            broadcaster.forget(node)


def _plain(received: dict[str, Any] | WczError | None, traffic: Traffic) -> ArrayRecord:
    """The arrays of an update as a record; WczError where it was refused or is not the first of its node."""
    if received is None:
        raise BaseMissingError("an update of what this server never sent, or a second one in the same round")
    if isinstance(received, WczError):
        raise received
    plain = to_record(received)
    traffic.plain_up += sum(len(array.data) for array in plain.values())
    return plain


def _copy(message: Message, content: RecordDict) -> Message:
    """The message as the strategy made it, to be sent again."""
    metadata = message.metadata
    return Message(content, metadata.dst_node_id, metadata.message_type, ttl=metadata.ttl, group_id=metadata.group_id)


def _error(reply: Message, error: Error) -> Message:
    """A reply that failed; a message cannot hold content and an error."""
    return Message(metadata=reply.metadata, error=error)
