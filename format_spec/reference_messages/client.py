"""Packets, and a client that takes them (messages.md, section 6)."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from reference_decoder.conventions import Bytes
from reference_decoder.errors import BASE_MISMATCH, BASE_MISSING, RefusedError, require
from reference_decoder.file import MAGIC

from .contexts import State
from .errors import MESSAGE
from .frame import read_frame
from .memory import Memory
from .message import BROADCAST, HEARD, OWN, RESET, UPDATE, Message, number, read_body
from .model import Model


class Client:
    """What a client of a federation holds; `read_update` reads its own updates, as a server does."""

    def __init__(self) -> None:
        self.model: Model | None = None
        self.heard: Memory | None = None
        self.own: Memory | None = None

    def receive(self, packet: bytes) -> None:
        """Take a packet in; after a refusal this client is as it was before."""
        source = Bytes(packet, MESSAGE)
        acknowledged, count = number(source), number(source)
        require(count < 64, MESSAGE, "a packet of too many parts")
        parts = [source.take(number(source)) for _ in range(count)]
        parts.append(source.take(source.left()))
        before = self.model, self.heard, self.own
        try:
            for part in filter(None, parts):
                self.take(part)
        except RefusedError:
            self.model, self.heard, self.own = before
            raise
        require(self.model, BASE_MISSING, "this client has no model")
        if self.own is None or self.own.count != acknowledged - 1:
            self.own = Memory(self.model) if acknowledged == 1 else None

    def take(self, part: bytes) -> None:
        if part[:6] == MAGIC:
            self.model = read_frame(part)
            self.heard, self.own = Memory(self.model), None
            return
        message = Message(part)
        require(self.model, BASE_MISSING, "this client has no model")
        require(message.kind != UPDATE, MESSAGE, "a client received an update")
        if message.version + message.rounds <= self.model.version:
            return
        self.require_base(message)
        heard = Memory(self.model) if message.flags & RESET else self.heard
        require(heard or not message.flags & HEARD, BASE_MISSING, "this client lacks broadcasts")
        used = heard if message.flags & HEARD else None
        state = copy.deepcopy(used.state) if used else State()
        moved, symbols = read_body(message, self.model, (used, None), state)
        moved.version += message.rounds
        is_heard = message.kind == BROADCAST and heard is not None
        self.model, self.heard = moved, heard.after(moved, symbols, state) if is_heard else None

    def read_update(self, data: bytes) -> Model:
        """The model after an update of this client."""
        message = Message(data)
        require(message.kind == UPDATE, MESSAGE, "a server received no update")
        require(self.model, BASE_MISSING, "an update of a client without a model")
        self.require_base(message)
        heard = self.heard if message.flags & HEARD else None
        own = self.own if message.flags & OWN else None
        require(not message.flags & OWN or own, MESSAGE, "a memory of updates that is not there")
        require(not message.flags & HEARD or heard, MESSAGE, "a memory of broadcasts that is not there")
        state = copy.deepcopy(own.state if own and own.count else heard.state if heard else State())
        moved, symbols = read_body(message, self.model, (heard, own), state)
        self.own = own.after(moved, symbols, state) if own else None
        return moved

    def require_base(self, message: Message) -> None:
        same = message.version == self.model.version and message.base == self.model.base()
        require(same, BASE_MISMATCH, "a message for another version")


def play(steps: list) -> Iterator[tuple[str, str | int]]:
    """(what, base or error number) of each step of a vector: [client, "packet" or "update", hex, ...]."""
    clients: dict[int, Client] = {}
    for name, what, data, *_ in steps:
        client = clients.setdefault(name, Client())
        try:
            if what == "packet":
                client.receive(bytes.fromhex(data))
            else:
                client.read_update(bytes.fromhex(data))
        except RefusedError as e:
            yield what, e.number
        else:
            yield what, client.model.base().hex()
