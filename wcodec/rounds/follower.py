"""The client's end: receives frames and broadcasts, sends updates (format_spec/messages.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..container import DEFAULT_LIMITS, Limits
from ..container.layout import MAGIC
from ..delta import Content, read_content
from ..errors import BaseMismatchError, BaseMissingError, MessageError, WczError
from . import message as wire
from .frame import read_frame
from .lattice import Model
from .memory import Memory, new_model
from .message import HEARD, ONE_STEP, OWN, RESET, Header, Kind
from .schema import Role, Schema
from .sender import Rate, quantize

STATE_VERSION = 1


class Follower:
    """One client of a federation.

    Attributes:
        model: what it holds, or None before the first frame.
        heard: memory of the broadcasts; None where it has missed some.
        own: memory of its updates; None where it keeps none, or the server has lost track of them.
    """

    def __init__(self, *, keep_own_memory: bool = True, limits: Limits = DEFAULT_LIMITS) -> None:
        self.model: Model | None = None
        self.heard: Memory | None = None
        self.own: Memory | None = None
        self._keeps_own, self._limits = keep_own_memory, limits
        self._residual = np.empty(0, np.float32)
        self._buffer_residual = np.empty(0)

    def receive(self, packet: bytes | memoryview) -> dict[str, np.ndarray]:
        """The model of the newest version, after a packet of the server.

        A packet that leads to the version that the client holds already (an evaluation after training) is skipped.

        Raises:
            BaseMissingError: the client has no model, or lacks the broadcasts that the message is coded with.
            BaseMismatchError: the client holds another version than the message is for.
            MessageError: a damaged message. The state is then as it was before.
        """
        acknowledged, blobs = wire.unpack_packet(packet)
        before = self.model, self.heard, self.own, self._residual, self._buffer_residual
        try:
            for blob in blobs:
                self._take(blob)
        except WczError:
            self.model, self.heard, self.own, self._residual, self._buffer_residual = before
            raise
        self._compare(acknowledged)
        return self._known().arrays()

    def update(self, arrays: Mapping[str, np.ndarray], rate: Rate) -> bytes:
        """The message that says how training moved the model that `receive` gave.

        Raises:
            NonFiniteError: NaN or infinity in `arrays`, naming the tensor.
            MessageError: other names or shapes than the federation's.
        """
        model = self._known()
        weights, buffers, exact = model.schema.split(arrays)
        started = model.schema.split(model.arrays())  # what training began with: rounded to the tensors' dtypes
        vectors = (
            weights - started[0] + self._residual,
            buffers - started[1] + self._buffer_residual,
            exact - started[2],
        )
        stream = model.version << 16 | (self.own.count if self.own else 0) & 0xFFFF
        difference, left = quantize(vectors, model, rate, stream)
        flags = (HEARD if self.heard else 0) | (OWN if self.own else 0)
        header = Header(Kind.UPDATE, flags, model.version, 1, model.base())
        start = coder_start(self.heard, self.own)
        data, learned = wire.encode(header, difference, model.schema, (self.heard, self.own), start)
        if self.own:
            self.own = remembering(model.schema, self.own, difference.weights, learned)
        if rate.feedback:
            self._residual, self._buffer_residual = left, vectors[1] - model.values(difference)[1]
        return data

    def state(self) -> dict[str, np.ndarray]:
        """All of it as named arrays, to be kept between rounds; without the schema, which the frame brings anew."""
        model = self._known()
        state = {"format": np.array(STATE_VERSION), "version": np.array(model.version), "residual": self._residual}
        state |= {"weights": model.weights, "buffers": model.buffers, "exact": model.exact, "units": model.units}
        state["buffer_residual"] = self._buffer_residual
        for name, memory in (("heard", self.heard), ("own", self.own)):
            state |= {f"{name}.{field}": array for field, array in memory.state().items()} if memory else {}
        return state

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        vectors = (state[key] for key in ("weights", "buffers", "exact", "units"))
        self.model = Model(schema, int(state["version"]), *vectors)
        self._residual, self._buffer_residual = state["residual"], state["buffer_residual"]
        for name in ("heard", "own"):
            fields = {key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{name}.")}
            setattr(self, name, Memory.from_state(schema, fields) if fields else None)

    def _known(self) -> Model:
        if self.model is None:
            raise BaseMissingError("this client has no model yet: it needs a frame")
        return self.model

    def _take(self, blob: memoryview) -> None:
        if not len(blob):
            return  # nothing new
        if bytes(blob[: len(MAGIC)]) == MAGIC:
            self._take_frame(read_content(blob, limits=self._limits))
            return
        header, _, _ = wire.parse(blob)
        model = self._known()
        if header.kind is Kind.UPDATE:
            raise MessageError("a client received an update")
        if header.version + header.rounds <= model.version:
            return  # old news
        if header.version != model.version or header.base != model.base():
            raise BaseMismatchError(
                f"the message is for version {header.version} ({header.base.hex()}), "
                f"this client holds version {model.version} ({model.base().hex()})"
            )
        heard = Memory(model.schema) if header.flags & RESET else self.heard
        if header.flags & HEARD and heard is None:
            raise BaseMissingError("this client lacks the broadcasts that the message is coded with")
        used = heard if header.flags & HEARD else None
        start = used.model if used else new_model()
        difference, learned = wire.decode_body(blob, model.schema, (used, None), start)
        units = header.kind is Kind.SUM and not header.flags & ONE_STEP
        self.model = model.moved(model.values(difference, units=units), header.rounds)
        is_next = header.kind is Kind.BROADCAST and heard is not None
        self.heard = remembering(model.schema, heard, difference.weights, learned) if is_next and heard else None

    def _take_frame(self, content: Content) -> None:
        self.model = read_frame(content)
        self.heard = Memory(self.model.schema)
        self.own = None
        if self._residual.size != self.model.weights.size or self._buffer_residual.size != self.model.buffers.size:
            self._forget_residual()

    def _compare(self, acknowledged: int) -> None:
        """Hold the memory of the own updates to what the server has of them."""
        accepted = acknowledged - 1  # -1: the server has none
        if self.own is not None and self.own.count > accepted >= 0:
            self._forget_residual()  # an update was lost or refused: what rounding left over of it is worth nothing
        if self.own is None or self.own.count != accepted:
            self.own = Memory(self._known().schema) if self._keeps_own and accepted == 0 else None

    def _forget_residual(self) -> None:
        schema = self._known().schema
        self._residual = np.zeros(schema.size(Role.WEIGHT), np.float32)
        self._buffer_residual = np.zeros(schema.size(Role.BUFFER))

    def __repr__(self) -> str:
        held: Any = "nothing" if self.model is None else f"version {self.model.version}"
        return f"Follower({held})"


def coder_start(heard: Memory | None, own: Memory | None) -> np.ndarray:
    """The coder's state before an update: that of the sender's updates, of the broadcasts, or a new one."""
    return own.model if own and own.count else heard.model if heard else new_model()


def remembering(schema: Schema, memory: Memory, symbols: np.ndarray, learned: np.ndarray) -> Memory:
    """A memory that has taken one message more; `memory` is not changed."""
    new = Memory.from_state(schema, memory.state())
    new.take(symbols)
    new.model = learned
    return new
