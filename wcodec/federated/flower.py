"""Flower with small messages: one line in the client app, one in the server app (docs/notes/federated.md).

    app = ClientApp(mods=[wcz_mod])                              # any framework's ArrayRecord

    @app.main()
    def main(grid, context):
        FedAvg(...).start(grid=WczGrid(grid), ...)               # any Strategy

The server's model is broadcast as small differences, encoded once a version; clients send back small differences.
A strategy sees plain arrays: the ones that it sent, plus what each client's update adds. Clients without the mod get
plain arrays, after a first attempt that they answer with an error. Needs the extra `flower`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from logging import INFO, WARNING, getLogger
from typing import Any

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, RecordDict
from flwr.serverapp import Grid

from ..container import DEFAULT_LIMITS, Limits
from ..errors import BaseMismatchError, BaseMissingError, WczError
from ..rounds import Broadcaster, Follower, Plan, Rate, Schema

STYPE = "wcodec.rounds/0"  # Array.stype says how the data is serialized
PACKED = "wcz"  # name of the one array of a packed record
MARK = "wcz"  # name of the record by which a reply without arrays says that its client has the mod
NEED_FRAME = "need"
REFUSED = 465  # code of the error that a strategy sees in place of a refused update

logger = getLogger("flwr")
ClientAppCallable = Callable[[Message, Context], Message]


# -- client ----------------------------------------------------------------------------------------------------------


class WczMod:
    """A mod for `ClientApp(mods=[...])` or `@app.train(mods=[...])`; `wcz_mod` is one with the defaults."""

    def __init__(
        self, rate: Rate | None = None, *, keep_own_memory: bool = True, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        """Choose.

        Args:
            rate: of the updates; what rounding leaves over is kept in `context.state` and sent with the next one.
            keep_own_memory: remember earlier updates, so that later ones are smaller; 3 bytes a weight of state.
            limits: what a frame may ask for.
        """
        self._rate, self._keep_own_memory, self._limits = rate or Rate(), keep_own_memory, limits

    def __call__(self, message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        """Give the client app plain arrays, and send its arrays back as an update."""
        packed = {key: record for key, record in message.content.items() if _is_packed(record)}
        if not packed:
            return call_next(message, context)  # a server without WczGrid
        followers: dict[str, Follower] = {}
        records: dict[str, Any] = dict(message.content.items())
        for key, record in packed.items():
            follower = Follower(keep_own_memory=self._keep_own_memory, limits=self._limits)
            _load(follower, context, key)
            try:
                records[key] = _to_record(follower.receive(record[PACKED].data))
            except WczError as e:
                mark = ConfigRecord({NEED_FRAME: True, "reason": f"{type(e).__name__}: {e}"})
                return Message(RecordDict({MARK: mark}), reply_to=message)
            followers[key] = follower
            _save(follower, context, key)
        message.content = RecordDict(records)
        reply = call_next(message, context)
        if reply.has_content():
            reply.content = _pack_reply(reply.content, followers, context, self._rate)
        return reply


wcz_mod = WczMod()


def _pack_reply(content: RecordDict, followers: dict[str, Follower], context: Context, rate: Rate) -> RecordDict:
    """The reply of a client app with its arrays as updates, or marked where it has none."""
    records: dict[str, Any] = dict(content.items())
    for key, follower in followers.items():
        if isinstance(records.get(key), ArrayRecord):
            records[key] = _packed(follower.update(_to_arrays(records[key]), rate))
            _save(follower, context, key)
        else:
            records[MARK] = ConfigRecord({NEED_FRAME: False})
    return RecordDict(records)


def _load(follower: Follower, context: Context, key: str) -> None:
    """Take up the state of an earlier round; a state that does not read is none."""
    known = context.state.get(f"{MARK}.schema.{key}")
    if known is None:
        return
    try:
        schema = Schema.from_text(str(known["schema"]))
        follower.restore(schema, _to_arrays(context.state[f"{MARK}.{key}"]))
    except (WczError, ValueError, KeyError) as e:
        logger.log(WARNING, "wcodec: the state of this client is lost: %s", e)


def _save(follower: Follower, context: Context, key: str) -> None:
    if follower.model is not None:
        context.state[f"{MARK}.{key}"] = _to_record(follower.state())
        context.state[f"{MARK}.schema.{key}"] = ConfigRecord({"schema": follower.model.schema.to_text()})


# -- server ----------------------------------------------------------------------------------------------------------


@dataclass
class Traffic:
    """What one call of `send_and_receive` moved: the arrays of all messages.

    Attributes:
        number: of the call, from 1.
        kind: message type.
        nodes: that it was sent to.
        down, up: bytes of packed arrays.
        plain_down, plain_up: bytes of the same arrays unpacked.
        encode_seconds, decode_seconds: of the server.
        frames: nodes that were sent a whole model.
        refused: updates that were refused.
        errors: other replies with an error, and nodes that did not reply.
    """

    number: int
    kind: str = ""
    nodes: int = 0
    down: int = 0
    up: int = 0
    plain_down: int = 0
    plain_up: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    frames: int = 0
    refused: int = 0
    errors: int = 0

    @property
    def ratio(self) -> float:
        """Plain bytes over packed ones, both ways."""
        return (self.plain_down + self.plain_up) / max(self.down + self.up, 1)

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.number}: {self.nodes} nodes, {self.down:,} B down, {self.up:,} B up, "
            f"{self.ratio:.1f}x, encode {self.encode_seconds:.3f} s, decode {self.decode_seconds:.3f} s, "
            f"{self.frames} frames, {self.refused} refused, {self.errors} errors"
        )


class WczGrid(Grid):  # type: ignore[misc]  # flwr is no part of the type check
    """A grid whose array records travel packed.

    Attributes:
        traffic: what each call moved, the newest last.
        broadcasters: record name -> the server's end of that record.
    """

    def __init__(self, grid: Grid, plan: Plan | None = None) -> None:
        self.traffic: list[Traffic] = []
        self.broadcasters: dict[str, Broadcaster] = {}
        self._grid, self._plan = grid, plan or Plan()
        self._object_ids: dict[str, str] = {}
        self._has_mod: dict[int, bool] = {}
        self._addressed: set[int] = set()

    def begin(self, arrays: ArrayRecord, key: str = "arrays") -> ArrayRecord:
        """What clients will hold of the first model: to be given to a strategy as its initial arrays, where a rounded
        start will do as well. Otherwise the strategy keeps the exact one, and broadcasts make up for the difference."""
        broadcaster = self.broadcasters.setdefault(key, Broadcaster(self._plan))
        broadcaster.publish(_to_arrays(arrays))
        rounded = _to_record(broadcaster.adopt())
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
            for answer in answers:
                reply = self._unpack(answer, traffic)
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
        replies = [(answer, self._unpack(answer, traffic)) for answer in answers]
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
            broadcaster.publish(_to_arrays(record), nodes)
            self._object_ids[key] = record.object_id
        traffic.frames += not broadcaster.holds_a_version(node)
        return _packed(broadcaster.packet(node))

    def _unpack(self, reply: Message, traffic: Traffic) -> Message | None:
        """The reply as a strategy expects it; None where its node has to be sent the message again."""
        node = reply.metadata.src_node_id
        if reply.has_error() or not reply.has_content():
            return self._unpack_error(reply, node, traffic)
        records = dict(reply.content.items())
        mark = records.pop(MARK, None)
        is_packed = any(_is_packed(record) for record in records.values())
        if mark is None and not is_packed:
            return self._unpack_plain(reply, node, traffic)
        self._has_mod[node] = True
        if isinstance(mark, ConfigRecord) and mark.get(NEED_FRAME):
            logger.log(INFO, "wcodec: node %s needs a whole model: %s", node, mark.get("reason"))
            self._forget(node)
            return None
        started = time.perf_counter()
        for broadcaster in self.broadcasters.values():
            broadcaster.arrived(node)
        try:
            for key, record in records.items():
                if _is_packed(record):
                    records[key] = self._received(key, record, node, traffic)
        except WczError as e:
            traffic.refused += 1
            logger.log(WARNING, "wcodec: refused the update of node %s: %s: %s", node, type(e).__name__, e)
            if isinstance(e, BaseMismatchError | BaseMissingError):
                self._forget(node)
            return _error(reply, Error(REFUSED, f"{type(e).__name__}: {e}"))
        finally:
            traffic.decode_seconds += time.perf_counter() - started
        reply.content = RecordDict(records)
        return reply

    def _received(self, key: str, record: ArrayRecord, node: int, traffic: Traffic) -> ArrayRecord:
        if key not in self.broadcasters:
            raise BaseMissingError(f"an update of {key!r}, which this server never sent")
        plain = _to_record(self.broadcasters[key].receive(node, record[PACKED].data))
        traffic.up += len(record[PACKED].data)
        traffic.plain_up += sum(len(array.data) for array in plain.values())
        return plain

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


# -- records ---------------------------------------------------------------------------------------------------------


def _is_packed(record: Any) -> bool:
    return isinstance(record, ArrayRecord) and PACKED in record and record[PACKED].stype == STYPE


def _packed(data: bytes) -> ArrayRecord:
    return ArrayRecord({PACKED: Array(dtype="uint8", shape=(len(data),), stype=STYPE, data=data)})


def _to_arrays(record: ArrayRecord) -> dict[str, Any]:
    return {name: array.numpy() for name, array in record.items()}


def _to_record(arrays: dict[str, Any]) -> ArrayRecord:
    return ArrayRecord({name: Array(array) for name, array in arrays.items()})


def _copy(message: Message, content: RecordDict) -> Message:
    """The message as the strategy made it, to be sent again."""
    metadata = message.metadata
    return Message(content, metadata.dst_node_id, metadata.message_type, ttl=metadata.ttl, group_id=metadata.group_id)


def _error(reply: Message, error: Error) -> Message:
    """A reply that failed; a message cannot hold content and an error."""
    return Message(metadata=reply.metadata, error=error)
