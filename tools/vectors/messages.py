"""Rounds of small federations: what a server sent to each client, what clients answered, what both then hold.

name -> (what it shows, maker of the steps). A step is [who, "packet" or "update", hex, base of the version, or the
number of the error with which it is refused].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from wcodec.errors import WczError
from wcodec.rounds import Broadcaster, Follower, Plan, Rate

RATE = Rate(3.0)
Steps = list[list[object]]


def model() -> dict[str, np.ndarray]:
    """Integers times powers of two only, so that no machine's arithmetic has a say."""
    places = np.arange(48)
    return {
        "fc.weight": ((places * 37 % 101 - 50) / 64).astype(np.float32).reshape(6, 8),
        "fc.bias": ((places[:6] * 5 % 7 - 3) / 128).astype(np.float32),
        "bn.running_var": (places[:6] * 11 % 13 + 100.0).astype(np.float32),
        "bn.num_batches_tracked": np.array(0, np.int64),
    }


def moved(arrays: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """A round of training: a few large moves, many small ones, all multiples of 2**-12."""
    new = {}
    for name, array in arrays.items():
        places = np.arange(array.size).reshape(array.shape) + 31 * seed
        if array.dtype.kind == "f":
            size = (places * places * 7 % 23 - 11) * np.where(places % 9 == 4, 64, 4)
            new[name] = (array + size / 4096).astype(np.float32)
        else:
            new[name] = array + 50
    return new


class _Recorder:
    def __init__(self, plan: Plan) -> None:
        self.server = Broadcaster(plan)
        self.clients: dict[int, Follower] = {}
        self.steps: Steps = []

    def round(self, clients: list[int], seed: int) -> None:
        """Publish, send, train, answer; the server then adopts the last answer."""
        start = model() if self.server.model is None else self.answer
        self.server.publish(start, clients)
        for name in clients:
            self.send(name)
            client = self.clients[name]
            update = client.update(moved(client.model.arrays(), seed + name), RATE)
            self.answer = self.server.receive(name, update)
            self.steps.append([name, "update", update.hex(), self.server.model.base().hex()])

    def send(self, name: int) -> None:
        """A packet to a client, who takes it."""
        packet = self.server.packet(name)
        self.clients.setdefault(name, Follower()).receive(packet)
        self.server.arrived(name)
        self.steps.append([name, "packet", packet.hex(), self.server.model.base().hex()])

    def refuse(self, name: int, packet: bytes) -> None:
        """A packet that a client refuses."""
        try:
            self.clients.setdefault(name, Follower()).receive(packet)
        except WczError as e:
            self.steps.append([name, "packet", packet.hex(), e.code])


def rounds() -> Steps:
    """a frame, broadcasts and updates with both memories"""
    recorder = _Recorder(Plan(rate=RATE, frame_fraction=0))
    for seed in range(4):
        recorder.round([1, 2], seed)
    return recorder.steps


def sums() -> Steps:
    """client 2 misses three rounds and gets their sum; client 3 joins with the frame and a sum; all start anew"""
    recorder = _Recorder(Plan(rate=RATE, frame_fraction=0, replay=0, reset_every=4))
    recorder.round([1, 2], 0)
    for seed in range(1, 4):
        recorder.round([1], seed)
    recorder.round([1, 2, 3], 4)
    recorder.round([3, 2, 1], 5)
    return recorder.steps


def refusals() -> Steps:
    """a message without its base, of another version, damaged in each part, of unknown kinds and flags"""
    recorder = _Recorder(Plan(rate=RATE, frame_fraction=0))
    recorder.round([1], 0)
    recorder.server.publish(recorder.answer, [1])
    packet = recorder.server.packet(1)
    recorder.refuse(9, packet)
    for bad in _damaged(packet):
        recorder.refuse(1, bad)
    recorder.clients[1].receive(packet)
    recorder.server.arrived(1)
    recorder.server.publish(moved(recorder.answer, 3), [1])
    other = Follower()
    other.restore(recorder.server.model.schema, recorder.clients[1].state())
    other.receive(recorder.server.packet(1))
    recorder.server.arrived(1)
    recorder.server.publish(moved(recorder.answer, 4), [1])
    recorder.refuse(1, recorder.server.packet(1))  # the one in between is missing
    return recorder.steps


def _damaged(packet: bytes) -> Iterator[bytes]:
    for position, flip in ((2, 1), (3, 3), (3, 64), (4, 128), (9, 1), (12, 255), (len(packet) - 1, 2)):
        yield packet[:position] + bytes([packet[position] ^ flip]) + packet[position + 1 :]
    yield packet[:8]
    yield packet[:-1]
    yield b""


MESSAGES: dict[str, Callable[[], Steps]] = {f.__name__: f for f in (rounds, sums, refusals)}
