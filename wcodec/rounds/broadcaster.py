"""The server's end: publishes versions, packs what each client lacks, takes updates in (format_spec/messages.md)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..delta import read_content
from ..errors import BaseMismatchError, MessageError, OptionError, UpdateError, WczError
from . import message as wire
from .follower import coder_start, remembering
from .frame import read_frame, write_frame
from .history import History
from .lattice import Model
from .memory import Memory, new_model
from .message import HEARD, ONE_STEP, OWN, RESET, Header, Kind
from .schema import BUFFERS, Schema
from .sender import Rate, quantize

if TYPE_CHECKING:  # a device needs neither end of a federation
    from concurrent.futures import Executor


@dataclass(frozen=True)
class Plan:
    """How a server runs its federation.

    Attributes:
        rate: of the broadcasts. They always have feedback: the server's own model is what they follow.
        frame_fraction: step of the first frame in root mean squares of each matrix; 0 for an exact one.
        frame_every: a new frame every so many versions; 0 never: clients that lack versions get sums.
        reset_every: memories of the broadcasts start anew every so many versions, so that those who missed some may
            join in; 0 only when half of a round's clients lack them.
        replay: a client that missed up to so many broadcasts gets them one by one, and keeps its memory.
        keep: versions that sums can begin at.
        client_memories: clients whose updates are remembered, 3 bytes a weight each; the first that come.
        buffers: name patterns of averaged statistics.
        max_growth: an update larger than so many times the model (root mean squares) is refused.
    """

    rate: Rate = field(default_factory=Rate)
    frame_fraction: float = 2.0**-6
    frame_every: int = 0
    reset_every: int = 0
    replay: int = 2
    keep: int = 100
    client_memories: int = 256
    buffers: Sequence[str] = BUFFERS
    max_growth: float = 10.0

    def __post_init__(self) -> None:
        numbers = (self.frame_fraction, self.frame_every, self.reset_every, self.replay, self.client_memories)
        if not all(number >= 0 for number in numbers) or self.keep < 1 or not self.max_growth > 0:
            raise OptionError("numbers of a plan are 0 or more, keep is 1 or more, max_growth above 0")


@dataclass
class Client:
    """What the server knows of a client.

    Attributes:
        version: that it holds for certain; None: nothing.
        heard: whether it has every broadcast since the memories began.
        sent: (version, heard) that the packet on its way leads to.
    """

    version: int | None = None
    heard: bool = False
    sent: tuple[int, bool] = (-1, False)


class Broadcaster:
    """The server of one federation.

    Attributes:
        model: what clients hold that are up to date, or None before the first version.
        published: the arrays of the newest version as they were published, not rounded.
        frames: versions that were published as frames.
    """

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.model: Model | None = None
        self.published: dict[str, np.ndarray] = {}
        self.frames = 0
        self._start_model: Model
        self._memory: Memory | None = None
        self._frame = b""
        self._history = History(self.plan.keep)
        self._clients: dict[int, Client] = {}
        self._own: dict[int, Memory] = {}
        self._packed: dict[tuple[object, ...], list[bytes]] = {}
        self._reset_at = 0

    def publish(self, arrays: Mapping[str, np.ndarray], clients: Iterable[int] = ()) -> int:
        """Make `arrays` the newest version.

        Args:
            arrays: name -> array of the server's model; other names or shapes than before start a new federation.
            clients: those that the version is for first of all.

        Returns:
            The number of the version.

        Raises:
            NonFiniteError: naming the tensor.
        """
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self._packed.clear()
        if self.model is None or not self._is_same(self.model.schema, arrays):
            self._clients.clear()
            self._start(Schema.of(arrays, self.plan.buffers), 0, arrays)
        elif self.plan.frame_every and (self.model.version + 1) % self.plan.frame_every == 0:
            self._start(self.model.schema, self.model.version + 1, arrays)
        else:
            self._broadcast(arrays, list(clients))
        return self._known().version

    def adopt(self) -> dict[str, np.ndarray]:
        """Make what clients hold the server's own model, and drop what rounding left over; the arrays of it."""
        self.published = self._known().arrays()
        return self.published

    def packet(self, client: int) -> bytes:
        """What brings a client to the newest version."""
        known = self._clients.setdefault(client, Client())
        version = self._known().version
        blobs, heard = self._blobs(known)
        known.sent = (version, heard)
        if known.version is None:  # a frame: the client starts anew
            self._own.pop(client, None)
        if client not in self._own and len(self._own) < self.plan.client_memories:
            self._own[client] = Memory(self._known().schema)
        own = self._own.get(client)
        return wire.pack_packet(1 + own.count if own else 0, blobs)

    def arrived(self, client: int) -> None:
        """A client has answered the last packet: it holds what that led to."""
        known = self._clients.setdefault(client, Client())
        known.version, known.heard = known.sent

    def forget(self, client: int) -> None:
        """A client has lost its state: its next packet is a frame and what came after it."""
        self._clients[client] = Client()

    def holds_a_version(self, client: int) -> bool:
        """Whether the client's next packet needs no frame."""
        return client in self._clients and self._clients[client].version is not None

    def receive(self, client: int, update: bytes | memoryview) -> dict[str, np.ndarray]:
        """The model of a client after training: the published arrays and what its update adds.

        Raises:
            BaseMismatchError: an update on another version than the newest: stale, replayed or reordered.
            MessageError: a damaged message, or one of another schema.
            UpdateError: an update that is far larger than the model.
        """
        model = self._known()
        header, _, _ = wire.parse(update)
        if header.kind is not Kind.UPDATE:
            raise MessageError("a server received no update")
        if header.version != model.version or header.base != model.base():
            raise BaseMismatchError(
                f"an update on version {header.version} ({header.base.hex()}), "
                f"the newest is {model.version} ({model.base().hex()})"
            )
        heard = self._memory if header.flags & HEARD else None
        own = self._own.get(client) if header.flags & OWN else None
        if header.flags & OWN and own is None:
            raise MessageError("an update is coded with a memory that this server does not have")
        difference, learned = wire.decode_body(update, model.schema, (heard, own), coder_start(heard, own))
        values = model.values(difference)
        self._require_moderate(model, values[0])
        model.moved(values, 0)  # refuses what no tensor can hold
        self._remember(client, own, difference.weights, learned)
        published = model.schema.split(self.published)
        return model.schema.join([p + v for p, v in zip(published, values, strict=True)])

    def accept(self, client: int, update: bytes | memoryview) -> dict[str, np.ndarray] | WczError:
        """`receive`, with what it raises as a result: a bad update costs its sender the round, nobody else."""
        try:
            return self.receive(client, update)
        except WczError as e:
            return e

    def receive_all(
        self, updates: Mapping[int, bytes | memoryview], executor: Executor | None = None
    ) -> dict[int, dict[str, np.ndarray] | WczError]:
        """`accept` for one update of each of several clients.

        Args:
            updates: client -> its update.
            executor: threads that share the work; None for the calling one. Nine tenths of it is the coder's, which
                does without Python's lock, and each client's memory is its own: the order does not matter.
        """
        run = executor.map if executor else map
        return dict(zip(updates, run(self.accept, updates.keys(), updates.values()), strict=True))

    def _start(self, schema: Schema, version: int, arrays: dict[str, np.ndarray]) -> None:
        self._frame = write_frame(schema, version, arrays, self.plan.frame_fraction)
        self.model = read_frame(read_content(io.BytesIO(self._frame)))
        self.published = arrays
        self.frames += 1
        self._start_model, self._reset_at = self.model, version
        self._memory = Memory(self.model.schema)
        self._history = History(self.plan.keep)
        self._own.clear()
        self._clients = {client: Client() for client in self._clients}

    def _broadcast(self, arrays: dict[str, np.ndarray], clients: list[int]) -> None:
        model, memory = self._known(), self._memory
        try:
            wanted = model.schema.split(arrays)
            vectors = (wanted[0] - model.weights, wanted[1] - model.buffers, wanted[2] - model.exact)
            difference, _ = quantize(vectors, model, self.plan.rate, model.version << 16)
            moved = model.moved(model.values(difference), 1)
        except MessageError:  # a tensor has outgrown its unit, an integer its range
            self._start(model.schema, model.version + 1, arrays)
            return
        reset = self._needs_reset(clients)
        if reset:
            memory, self._reset_at = Memory(model.schema), model.version
        header = Header(Kind.BROADCAST, HEARD | (RESET if reset else 0), model.version, 1, model.base())
        start = memory.model if memory else new_model()
        data, learned = wire.encode(header, difference, model.schema, (memory, None), start)
        if memory:
            self._memory = remembering(model.schema, memory, difference.weights, learned)
        self._history.add(model, difference, data, reset)
        self.model, self.published = moved, arrays

    def _needs_reset(self, clients: list[int]) -> bool:
        """Whether memories start anew: by the plan, or because half of the clients that are up to date lack them."""
        every, version = self.plan.reset_every, self._known().version
        if every and version - self._reset_at >= every:
            return True
        known = [self._clients[client] for client in clients if client in self._clients]
        return 2 * sum(not c.heard and c.version == version for c in known) > len(clients)

    def _blobs(self, client: Client) -> tuple[list[bytes], bool]:
        """What a client lacks, and whether it then has all broadcasts since the memories began."""
        key = client.version, client.heard
        if key not in self._packed:
            self._packed[key] = self._lacking(client)
        blobs = self._packed[key]
        return blobs, self._is_heard(client, blobs)

    def _lacking(self, client: Client) -> list[bytes]:
        version, held = self._known().version, client.version
        if held == version:
            return [b""]
        if held is None or not self._history.reaches(held):
            return [self._frame, *self._catch_up(self._start_model.version)]
        if client.heard and version - held <= max(self.plan.replay, 1):
            return self._history.since(held)
        return self._catch_up(held)

    def _catch_up(self, held: int) -> list[bytes]:
        """One sum; where the newest broadcast begins new memories, a sum up to it and that broadcast."""
        model = self._known()
        if held == model.version:
            return []
        if self._history.last_resets():
            earlier = self._sum(held, model.version - 1) if held < model.version - 1 else []
            return [*earlier, self._history.last()]
        return self._sum(held, model.version)

    def _sum(self, first: int, last: int) -> list[bytes]:
        schema = self._known().schema
        if self._history.reaches(first):
            base, difference, one_step = self._history.sum(first, last)
        else:  # from the frame: the difference of two models
            base, difference, one_step = self._history.from_start(self._start_model, last, self._known())
        header = Header(Kind.SUM, ONE_STEP if one_step else 0, first, last - first, base)
        return [wire.encode(header, difference, schema, (None, None), new_model())[0]]

    def _is_heard(self, client: Client, blobs: list[bytes]) -> bool:
        if blobs in ([b""], [self._frame]):
            return client.heard or blobs == [self._frame]
        headers = [wire.parse(blob)[0] for blob in blobs if blob != self._frame]
        if headers[-1].flags & RESET:
            return True
        return client.heard and all(header.kind is Kind.BROADCAST for header in headers)

    def _remember(self, client: int, own: Memory | None, symbols: np.ndarray, learned: np.ndarray) -> None:
        """Take an update into the memory of its sender; one that was coded without begins it anew."""
        schema = self._known().schema
        if client in self._own:
            self._own[client] = remembering(schema, own, symbols, learned) if own else Memory(schema)

    def _require_moderate(self, model: Model, weights: np.ndarray) -> None:
        size, limit = (float(np.sqrt(np.mean(np.square(v)))) if v.size else 0.0 for v in (weights, model.weights))
        if size > self.plan.max_growth * max(limit, 2.0**-20):
            raise UpdateError(f"an update of {size:.3g} to a model of {limit:.3g}: over {self.plan.max_growth} times")

    def _known(self) -> Model:
        if self.model is None:
            raise MessageError("nothing was published yet")
        return self.model

    @staticmethod
    def _is_same(schema: Schema, arrays: Mapping[str, np.ndarray]) -> bool:
        return [(t.name, t.shape) for t in schema.tensors] == [(n, a.shape) for n, a in arrays.items()]
