"""The client's end: a mod that gives a client app plain arrays and sends its arrays back as an update."""

from __future__ import annotations

from collections.abc import Callable
from logging import WARNING
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict

from ...container import DEFAULT_LIMITS, Limits
from ...errors import WczError
from ...rounds import Follower, Rate, Schema
from .records import MARK, NEED_FRAME, PACKED, is_packed, logger, packed_record, to_arrays, to_record

ClientAppCallable = Callable[[Message, Context], Message]


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
        packed = {key: record for key, record in message.content.items() if is_packed(record)}
        if not packed:
            return call_next(message, context)  # a server without WczGrid
        followers: dict[str, Follower] = {}
        records: dict[str, Any] = dict(message.content.items())
        for key, record in packed.items():
            follower = Follower(keep_own_memory=self._keep_own_memory, limits=self._limits)
            _load(follower, context, key)
            try:
                records[key] = to_record(follower.receive(record[PACKED].data))
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
            records[key] = packed_record(follower.update(to_arrays(records[key]), rate))
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
        follower.restore(schema, to_arrays(context.state[f"{MARK}.{key}"]))
    except (WczError, ValueError, KeyError) as e:
        logger.log(WARNING, "wcodec: the state of this client is lost: %s", e)


def _save(follower: Follower, context: Context, key: str) -> None:
    if follower.model is not None:
        context.state[f"{MARK}.{key}"] = to_record(follower.state())
        context.state[f"{MARK}.schema.{key}"] = ConfigRecord({"schema": follower.model.schema.to_text()})
