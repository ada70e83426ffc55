"""What carries models between server and clients in tools/bench/federated.py: ours and what it is measured against.

Each wire gives every client what it receives, gives the server what it receives, and counts the bytes of whole
messages. All but `float32` and `full` send differences, with error feedback both ways unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

import wcodec
from wcodec.delta import read_content
from wcodec.rounds import Broadcaster, Follower, Plan, Rate, Rounding
from wcodec.rounds.frame import read_frame, write_frame
from wcodec.rounds.schema import Schema

Arrays = dict[str, np.ndarray]


class Wire(Protocol):
    """One way to carry models."""

    def down(self, arrays: Arrays, clients: range) -> Iterator[tuple[Arrays, int]]:
        """What each client gets of the server's model, and the bytes of it."""

    def up(self, client: int, arrays: Arrays) -> tuple[Arrays, int]:
        """What the server gets of a client's model, and the bytes of it."""


class Float32:
    """Whole models as they are."""

    def down(self, arrays: Arrays, clients: range) -> Iterator[tuple[Arrays, int]]:
        for _ in clients:
            yield arrays, sum(a.nbytes for a in arrays.values())

    def up(self, client: int, arrays: Arrays) -> tuple[Arrays, int]:
        return arrays, sum(a.nbytes for a in arrays.values())


class Rounds:
    """wcodec.rounds. The server adopts the first frame: a random start may as well be a rounded one."""

    def __init__(
        self,
        coarseness: float,
        frame: float,
        feedback: bool = True,
        rounding: Rounding | None = None,
        memory: bool = True,
    ) -> None:
        self.rate = Rate(coarseness, feedback=feedback, rounding=rounding or Rounding())
        memories = {} if memory else {"reset_every": 1, "client_memories": 0}
        self.server = Broadcaster(Plan(rate=self.rate, frame_fraction=frame, **memories))
        self.clients: dict[int, Follower] = {}
        self._held: Arrays = {}

    def down(self, arrays: Arrays, clients: range) -> Iterator[tuple[Arrays, int]]:
        if self.server.model is None:
            self.server.publish(arrays, clients)
            arrays = self.server.model.arrays()  # type: ignore[union-attr]
            self.server.published = arrays
        elif not self.rate.feedback:  # what rounding left over last time is dropped
            error = {name: self._held[name] - held for name, held in self.server.model.arrays().items()}
            self.server.publish({name: array - error[name] for name, array in arrays.items()}, clients)
        else:
            self.server.publish(arrays, clients)
        self._held = dict(self.server.published)
        for client in clients:
            packet = self.server.packet(client)
            received = self.clients.setdefault(client, Follower()).receive(packet)
            self.server.arrived(client)
            yield received, len(packet)

    def up(self, client: int, arrays: Arrays) -> tuple[Arrays, int]:
        update = self.clients[client].update(arrays, self.rate)
        return self.server.receive(client, update), len(update)


class Full:
    """Whole models by `small`, at a step of `fraction` root mean squares of each matrix."""

    def __init__(self, fraction: float) -> None:
        self._fraction = fraction

    def _coded(self, arrays: Arrays) -> tuple[Arrays, int]:
        data = write_frame(Schema.of(arrays), 0, arrays, self._fraction)
        return read_frame(read_content(data)).arrays(), len(data)

    def down(self, arrays: Arrays, clients: range) -> Iterator[tuple[Arrays, int]]:
        coded = self._coded(arrays)
        for _ in clients:
            yield coded

    def up(self, client: int, arrays: Arrays) -> tuple[Arrays, int]:
        return self._coded(arrays)


class Differences:
    """Differences by some coder, error feedback both ways; the first model costs nothing."""

    def __init__(self) -> None:
        self._held: Arrays = {}
        self._residuals: dict[int, Arrays] = {}
        self._published: Arrays = {}

    def code(self, difference: Arrays) -> tuple[Arrays, int]:
        """The difference as it arrives, and its bytes."""
        raise NotImplementedError

    def down(self, arrays: Arrays, clients: range) -> Iterator[tuple[Arrays, int]]:
        nbytes = 0
        if not self._held:
            self._held = {name: array.copy() for name, array in arrays.items()}
        else:
            coded, nbytes = self.code({name: array - self._held[name] for name, array in arrays.items()})
            self._held = {name: array + coded[name] for name, array in self._held.items()}
        self._published = arrays
        for _ in clients:
            yield self._held, nbytes

    def up(self, client: int, arrays: Arrays) -> tuple[Arrays, int]:
        kept = self._residuals.get(client) or {name: np.zeros_like(a) for name, a in arrays.items()}
        difference = {name: array - self._held[name] + kept[name] for name, array in arrays.items()}
        coded, nbytes = self.code(difference)
        self._residuals[client] = {name: difference[name] - coded[name] for name in arrays}
        return {name: self._published[name] + coded[name] for name in arrays}, nbytes


class Int8Zstd(Differences):
    """8 bits a weight by the largest magnitude of each tensor, then zstd at level 19."""

    def __init__(self) -> None:
        super().__init__()
        import zstandard

        self._compressor = zstandard.ZstdCompressor(level=19)

    def code(self, difference: Arrays) -> tuple[Arrays, int]:
        coded, data = {}, b""
        for name, array in difference.items():
            scale = np.float32(np.abs(array).max() / 127 + 1e-30)
            symbols = np.rint(array / scale).astype(np.int8)
            coded[name] = symbols * scale
            data += scale.tobytes() + symbols.tobytes()
        return coded, len(self._compressor.compress(data))


class TopK(Differences):
    """The largest share of all weights as float16, their places by our smallest coder of integers."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def code(self, difference: Arrays) -> tuple[Arrays, int]:
        magnitudes = np.concatenate([np.abs(a).ravel() for a in difference.values()])
        count = max(1, int(self._share * magnitudes.size))
        least = np.partition(magnitudes, magnitudes.size - count)[magnitudes.size - count]
        masks = {name: np.abs(array) >= least for name, array in difference.items()}
        coded = {
            name: np.where(m, difference[name], 0).astype(np.float16).astype(np.float32) for name, m in masks.items()
        }
        places = wcodec.coders.CODERS["mixing"].encode(list(masks.values()))
        return coded, len(places) + 2 * sum(int(mask.sum()) for mask in masks.values())


class NNCodec(Differences):
    """NNCodec's own files, one step for all tensors, relative to the difference's root mean square."""

    def __init__(self, coarseness: float, dependent: bool) -> None:
        super().__init__()
        self._coarseness, self._dependent = coarseness, dependent
        self._nnc = load_nncodec()

    def code(self, difference: Arrays) -> tuple[Arrays, int]:
        every = np.concatenate([a.ravel() for a in difference.values()]).astype(np.float64)
        qp = round(4 * float(np.log2(self._coarseness * np.sqrt(np.mean(np.square(every))))))
        stream = self._nnc.compress(
            {name: array.copy() for name, array in difference.items()},
            qp=qp, nonweight_qp=qp, use_dq=self._dependent, param_opt=True, row_skipping=True,
            bitstream_path=None, return_bitstream=True, verbose=False,
        )  # fmt: skip
        decoded: Mapping[str, np.ndarray] = self._nnc.decompress(
            bytearray(stream), reconstruct_lsa=False, reconstruct_bnf=False
        )
        return {n: np.asarray(decoded[n], np.float32).reshape(a.shape) for n, a in difference.items()}, len(stream)


def load_nncodec() -> Any:
    """NNCodec needs torchvision, whose operators do not load beside every CPU build of torch."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        operators = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            operators.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from nncodec import nnc

    return nnc


def wire(description: str) -> Wire:
    """A wire by its name: float32, wcz:4, wcz:6:1.5 (frame), wcz-noef:6, wcz-cold:6, ternary:0.01, power:3:0.2,
    stochastic:2, full:0.25, int8, topk:0.02, nncodec:4, nncodec-dq:4."""
    kind, *numbers = description.split(":")
    values = [float(n) for n in numbers]
    coarseness, frame = ([*values, 4.0][:1] or [4.0])[0], values[1] if len(values) > 1 else 2.0**-6
    makers = {
        "float32": Float32,
        "int8": Int8Zstd,
        "full": lambda: Full(values[0]),
        "topk": lambda: TopK(values[0]),
        "nncodec": lambda: NNCodec(values[0], False),
        "nncodec-dq": lambda: NNCodec(values[0], True),
        "wcz": lambda: Rounds(coarseness, frame),
        "wcz-cold": lambda: Rounds(coarseness, frame, memory=False),
        "wcz-noef": lambda: Rounds(coarseness, frame, feedback=False),
        "ternary": lambda: Rounds(3.0, 1.5, rounding=Rounding("ternary", share=values[0])),
        "power": lambda: Rounds(coarseness, 1.5, rounding=Rounding("power_law", weight=values[1])),
        "stochastic": lambda: Rounds(coarseness, frame, feedback=False, rounding=Rounding("stochastic")),
    }
    return makers[kind]()
