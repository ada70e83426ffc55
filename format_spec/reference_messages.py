"""Reference receiver of a federation's messages, draft 0.1: messages.md once more, as a program.

    python reference_messages.py VECTOR.json       plays a vector of vectors/messages

Slow, and short enough to be read beside messages.md, whose order it follows. Beside it, reference_decoder.py reads the
frames and has the range coder and the coder mixing; like that, it imports nothing of wcodec. Models are integers here,
multiples of the units of section 3, so nothing can round.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from reference_decoder import (
    BASE_MISMATCH,
    BASE_MISSING,
    DTYPES,
    LIMITS,
    MAGIC,
    Bytes,
    RangeDecoder,
    RefusedError,
    clamp,
    decode_mixing,
    read_file,
    require,
)

MESSAGE = 16
WEIGHT, BUFFER, EXACT = range(3)
BROADCAST, UPDATE, SUM = range(3)
HEARD, OWN, RESET, ONE_STEP = 4, 8, 16, 32


def number(source: Bytes) -> int:
    return source.leb128(5, MESSAGE)


def leb128(value: int) -> bytes:
    low = [value >> 7 * i & 127 for i in range(max(1, -(-value.bit_length() // 7)))]
    return bytes([b | 128 for b in low[:-1]] + low[-1:])


# == Schema (section 1) ============================================================================================


class Tensor:
    """One tensor of a schema."""

    def __init__(self, name: str, dtype: np.dtype, shape: tuple[int, ...], role: int) -> None:
        self.name, self.dtype, self.shape, self.role = name, dtype, shape, role
        self.size = math.prod(shape)
        self.unit = 0  # exponent, of weights and buffers
        self.values: list[int] = []

    def matrix(self) -> tuple[int, int]:
        """Rows and columns (section 7)."""
        rank = len(self.shape)
        splits = [(math.prod(self.shape[:i]), math.prod(self.shape[i:])) for i in range(1, rank)]
        return min(splits, key=max) if splits else (1, self.size)  # min keeps the first of equals

    def numbers(self) -> np.ndarray:
        values = np.array(self.values, np.int64)
        return values if self.role == EXACT else np.ldexp(values.astype(np.float64), self.unit)


def schema_digest(tensors: list[Tensor]) -> bytes:
    sha = hashlib.sha256()
    for t in tensors:
        sha.update(leb128(len(t.name.encode())) + t.name.encode())
        for value in (DTYPES.index(t.dtype), len(t.shape), *t.shape, t.role):
            sha.update(leb128(value))
    return sha.digest()


# == Steps and the model (sections 2 and 3) ========================================================================


class Model:
    """Tensors whose values are integers: multiples of 2^unit, or the values themselves."""

    def __init__(self, version: int, tensors: list[Tensor]) -> None:
        self.version, self.tensors, self.digest = version, tensors, schema_digest(tensors)

    def of_role(self, role: int) -> list[Tensor]:
        return [t for t in self.tensors if t.role == role and t.size]

    def base(self) -> bytes:
        sha = hashlib.sha256(self.digest)
        for role in (WEIGHT, BUFFER, EXACT):
            for t in self.of_role(role):
                sha.update(t.numbers().astype("<i8" if role == EXACT else "<f8").tobytes())
        return sha.digest()[:4]

    def weight_index(self, t: Tensor, index: int) -> int:
        largest = max(other.size for other in self.of_role(WEIGHT))
        return max(index - round(math.log2(largest / t.size)), lowest_index(t))

    def arrays(self) -> dict[str, np.ndarray]:
        """What programs get: name -> array."""
        return {t.name: t.numbers().reshape(t.shape).astype(t.dtype) for t in self.tensors}


def lowest_index(t: Tensor) -> int:
    return 4 * (t.unit + 44)


def in_units(t: Tensor, index: int, is_unit: bool) -> int:
    """step(index), or unit(index), in units of the tensor."""
    return (1 if is_unit else 4 + index % 4) << index // 4 - 44 - t.unit


def add(t: Tensor, symbols: list[int], index: int, is_unit: bool) -> None:
    """Symbols times steps onto a weight or buffer tensor."""
    require(is_unit or all(abs(q) < 1 << 21 for q in symbols), MESSAGE, "a symbol of 2^21 or more times a step")
    size = in_units(t, index, is_unit)
    t.values = [v + q * size for v, q in zip(t.values, symbols, strict=True)]
    require(all(abs(v) < 1 << 52 for v in t.values), MESSAGE, "a tensor grows beyond 2^(u + 52)")


# == Frames (section 4) ============================================================================================


def read_frame(data: bytes) -> Model:
    file = read_file(data, LIMITS, None)
    names = list(file.names)
    try:
        version = int(file.metadata["version"])
        places = [int(place) for place in file.metadata.get("buffers", "").split()]
        buffers = [names[place] for place in places]
    except (KeyError, ValueError, IndexError):
        raise RefusedError(MESSAGE, "a file without the metadata of a frame") from None
    require(0 <= version < 1 << 32, MESSAGE, "the version of a frame")
    tensors = []
    for name in names:
        array = file.tensors[name]
        is_float = array.dtype.kind not in "biu"
        t = Tensor(name, array.dtype, array.shape, (BUFFER if name in buffers else WEIGHT) if is_float else EXACT)
        if is_float and t.size:
            numbers = array.astype(np.float64).ravel()
            t.unit = max(-40, int(np.frexp(np.abs(numbers).max())[1]) - 48)
            t.values = [int(v) for v in np.rint(np.ldexp(numbers, -t.unit))]
        else:
            t.values = [int(v) for v in array.ravel()]
        tensors.append(t)
    return Model(version, tensors)


# == Messages (section 5) ==========================================================================================


class Message:
    """A message up to its body."""

    def __init__(self, data: bytes) -> None:
        source = Bytes(data, MESSAGE)
        require(source.take(1) == b"\xde", MESSAGE, "no message")
        byte = source.byte()
        self.kind, self.flags = byte & 3, byte & ~3
        require(self.kind < 3 and self.flags < 64, MESSAGE, "an unknown kind or flag")
        self.version = number(source)
        self.rounds = number(source) if self.kind == SUM else 1
        require(self.rounds, MESSAGE, "a sum of no broadcasts")
        self.base, self.head = source.take(4), data[: source.position]
        self.check, self.body = source.take(4), data[source.position :]


def read_body(message: Message, model: Model, memories: tuple, state: State) -> tuple[Model, list[int]]:
    """The model after a message, and the symbols of its weights; `state` learns from them."""
    crc = zlib.crc32(model.digest + message.head + message.body)
    require(message.check == crc.to_bytes(4, "little"), MESSAGE, "a message is damaged, or of another schema")
    moved = copy.deepcopy(model)
    weights = moved.of_role(WEIGHT)
    none = [0] * sum(t.size for t in weights)
    source = Bytes(message.body, MESSAGE)
    if not source.left():
        return moved, none
    in_unit = message.kind == SUM and not message.flags & ONE_STEP
    read_statistics(source, moved, in_unit)
    index, payload = source.byte(), source.data[source.position :]
    if not payload:
        return moved, none
    try:
        symbols = read_symbols(payload, weights, memories, state)
    except RefusedError as e:
        raise RefusedError(MESSAGE, str(e)) from None
    require(any(symbols), MESSAGE, "a payload of zeros")
    for t, part in split(weights, symbols):
        add(t, part, moved.weight_index(t, index), in_unit)
    return moved, symbols


def read_statistics(source: Bytes, model: Model, in_unit: bool) -> None:
    buffers, exact = model.of_role(BUFFER), model.of_role(EXACT)
    sizes = [len(buffers), sum(t.size for t in buffers), sum(t.size for t in exact)]
    if not any(sizes):
        return
    nbytes = number(source)
    if not nbytes:
        return
    specs = [((size,), DTYPES.index(np.dtype(np.int32))) for size in sizes if size]
    payload = source.take(nbytes - 1)
    try:
        arrays = [a.tolist() for a in decode_mixing(payload, specs)]
    except RefusedError as e:
        raise RefusedError(MESSAGE, str(e)) from None
    if buffers:
        indices, symbols = arrays.pop(0), arrays.pop(0)
        for (t, part), index in zip(split(buffers, symbols), indices, strict=True):
            require(lowest_index(t) <= index <= 255, MESSAGE, "the step index of a buffer")
            add(t, part, index, in_unit)
    for t, part in split(exact, arrays.pop(0) if exact else []):
        t.values = [v + d for v, d in zip(t.values, part, strict=True)]


def split(tensors: list[Tensor], values: list[int]) -> Iterator[tuple[Tensor, list[int]]]:
    """The values of each tensor."""
    at = 0
    for t in tensors:
        yield t, values[at : at + t.size]
        at += t.size


# == Packets and clients (section 6) ===============================================================================


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


# == The temporal coder (section 7) ================================================================================


def m(q: int) -> int:
    return min(abs(q), 15)


def sign(q: int) -> int:
    return (q > 0) - (q < 0)


class Memory:
    """What earlier messages of one sender said of the weights of a model; a dictionary a tensor."""

    def __init__(self, model: Model) -> None:
        self.count, self.state = 0, State()
        self.tensors = []
        for t in model.of_role(WEIGHT):
            rows, columns = t.matrix()
            zeros = {"activity": t.size, "last": t.size, "rows": rows, "columns": columns}
            self.tensors.append({key: [0] * size for key, size in zeros.items()} | {"mean": [0]})

    def after(self, model: Model, symbols: list[int], state: State) -> Memory:
        """The memory after a message."""
        new = copy.deepcopy(self)
        new.count, new.state = self.count + 1, state
        for memory, (t, part) in zip(new.tensors, split(model.of_role(WEIGHT), symbols), strict=True):
            rows, columns = t.matrix()
            memory["activity"] = [a - (a >> 2) + 256 * m(q) for a, q in zip(memory["activity"], part, strict=True)]
            memory["last"] = [sign(q) or last for last, q in zip(memory["last"], part, strict=True)]
            lines = {
                "rows": [part[r * columns : (r + 1) * columns] for r in range(rows)],
                "columns": [part[c::columns] for c in range(columns)],
                "mean": [part],
            }
            for key, groups in lines.items():
                seen = [(sum(map(m, group)) << 16) // len(group) for group in groups]
                memory[key] = [x - (x >> 2) + (s >> 2) for x, s in zip(memory[key], seen, strict=True)]
        return new


# -- 7.1 Numbers ---------------------------------------------------------------------------------------------------


def tables() -> dict[str, list[int]]:
    """L and P, from messages.md itself."""
    text = (Path(__file__).parent / "messages.md").read_text()
    found = re.findall(r"^    ([LP])\n((?: {8}[\d ]+\n)+)", text, re.MULTILINE)
    return {name: [int(n) for n in numbers.split()] for name, numbers in found}


TABLES = tables()


def log2(x: int) -> int:
    e = x.bit_length() - 1
    f = (x << 16 >> e) - (1 << 16)
    cell, past = f >> 10, f % 1024
    return 256 * e + (TABLES["L"][cell] * (1024 - past) + TABLES["L"][cell + 1] * past >> 10)


def octave(x: int, a: int, n: int) -> int:
    return clamp((log2(min(x, 2**32 - 1)) >> 7) - 32 + a, 0, n - 1) if x else 0


def level(x: int) -> int:
    return clamp((log2(x) >> 7) - 8, 0, 12) if x else 0


def chance_of(odds: int) -> int:
    j, f = abs(odds) % 256 >> 2, abs(odds) % 4
    power = (TABLES["P"][j] * (4 - f) + TABLES["P"][j + 1] * f >> 2) >> (abs(odds) >> 8)
    chance = 2**32 // (65536 + power)
    return 65536 - chance if odds < 0 else chance


# -- 7.2 A symbol --------------------------------------------------------------------------------------------------


def read_symbols(payload: bytes, tensors: list[Tensor], memories: tuple, state: State) -> list[int]:
    """The symbols of all weights; `memories` are heard and own, or None."""
    coder, symbols = RangeDecoder(payload), []
    for place, t in enumerate(tensors):
        heard, own = (memory and memory.tensors[place] for memory in memories)
        symbols += Walk(coder, state, t, heard, own).read()
    coder.finish()
    return symbols


class Walk:
    """One tensor; names are those of the table in section 7.2."""

    def __init__(self, coder: RangeDecoder, state: State, t: Tensor, heard: dict | None, own: dict | None) -> None:
        self.coder, self.state, self.heard, self.own = coder, state, heard, own
        self.rows, self.columns = t.matrix()
        self.kind = clamp(len(t.shape) - 1, 0, 2)
        self.symbols: list[int] = []
        self.sum, self.recent = 0, 1311
        self.row_sum, self.row_signs = 0, 0
        self.column_sums, self.column_signs = [0] * self.columns, [0] * self.columns
        first = own or heard
        self.before = 328 + (first["mean"][0] // 2 if first else 0)

    def read(self) -> list[int]:
        for r in range(self.rows):
            self.row_sum = self.row_signs = 0
            for c in range(self.columns):
                q = self.symbol(r, c)
                self.symbols.append(q)
                self.sum += m(q)
                self.row_sum += m(q)
                self.column_sums[c] += m(q)
                self.row_signs = clamp(self.row_signs + sign(q), -1000, 1000)
                self.column_signs[c] = clamp(self.column_signs[c] + sign(q), -1000, 1000)
                self.recent += (2**16 * m(q) - self.recent) >> 3
        return self.symbols

    def symbol(self, r: int, c: int) -> int:
        at = r * self.columns + c
        a, b = (self.symbols[at - back] if c >= back else 0 for back in (1, 2))
        u = self.symbols[at - self.columns] if r else 0
        lines = self.lines(r, c)
        levels = [level(memory["activity"][at]) if memory else 0 for memory in (self.heard, self.own)]
        if not self.is_moved(r, c, lines, levels):
            return 0
        is_negative = self.is_negative(at, (a, b, u), levels)
        around = 3 * min(abs(a), 2) + min(abs(u), 2)
        magnitude = 1
        while magnitude < 15 and self.is_above(magnitude, lines, levels, around):
            magnitude += 1
        if magnitude == 15:
            magnitude += self.escape()
            require(magnitude < 2**31, MESSAGE, "a magnitude beyond 2^31 - 1")
        return -magnitude if is_negative else magnitude

    def lines(self, r: int, c: int) -> int:
        now = (2**16 * self.sum + 4 * self.before) // (len(self.symbols) + 4)
        row = (2**16 * self.row_sum + 4 * now) // (c + 4)
        column = (2**16 * self.column_sums[c] + 2 * now) // (r + 2)
        return octave(row * column // max(now, 1), 20, 20)

    def is_moved(self, r: int, c: int, lines: int, levels: list[int]) -> int:
        h = [x["rows"][r] * x["columns"][c] // max(x["mean"][0], 1) if x else 0 for x in (self.heard, self.own)]
        heard, own = octave(h[0], 24, 24), octave(h[1], 24, 24)
        wide = octave(h[1] if self.own else h[0], 20, 20)
        active, own_active = levels
        contexts = [
            ("by_activity", 13 * active + own_active),
            ("by_history", 24 * own + heard),
            ("by_lines", 2 * (13 * lines + active) + (own_active > 4)),
            ("by_recent", 20 * octave(self.recent, 16, 14) + wide),
        ]
        mixer = ("zero", 4 * self.kind + 2 * (active > 0) + (own_active > 0))
        return self.state.decide(self.coder, contexts, mixer, 23, 255)

    def is_negative(self, at: int, around: tuple[int, int, int], levels: list[int]) -> int:
        a, b, u = (1 + sign(q) for q in around)
        heard, own = (1 + memory["last"][at] if memory else 1 for memory in (self.heard, self.own))
        column = 1 + sign(self.column_signs[at % self.columns])
        y = 2 + sign(self.row_signs) * (0, 1, 1, 2)[min(abs(self.row_signs), 3)]
        contexts = [
            ("sign_by_last", 13 * (13 * (3 * heard + own) + levels[0]) + levels[1]),
            ("sign_by_lines", 9 * y + 3 * column + self.kind),
            ("sign_by_neighbours", 9 * a + 3 * u + b),
        ]
        return self.state.decide(self.coder, contexts, ("sign", self.kind), 114, 127)

    def is_above(self, n: int, lines: int, levels: list[int], around: int) -> int:
        contexts = [
            (f"above_by_activity {n}", max(levels)),
            (f"above_by_neighbours {n}", around),
            (f"above_by_lines {n}", lines),
        ]
        return self.state.decide(self.coder, contexts, ("above", n), 23, 255)

    def escape(self) -> int:
        k = 0
        while k < 31 and self.state.read_alone(self.coder, ("escape", k)):
            k += 1
        value = 1
        for _ in range(k):
            value = 2 * value + self.coder.bit(32768)
        return value - 1


# -- 7.3 Contexts and mixers ---------------------------------------------------------------------------------------


def poisson(x: int, a: int) -> int:
    if x // 2 >= a // 2:
        return 49152
    return clamp((110218 if x % 2 else 77936) >> a // 2 - x // 2, 64, 49152)


STARTS = {
    "by_activity": lambda i: 512 + 1024 * max(i // 13, i % 13),
    "by_history": lambda i: poisson(i // 24 or i % 24, 24),
    "by_lines": lambda i: poisson(i // 26, 20),
    "by_recent": lambda i: poisson(i % 20, 20),
}


class State:
    """What the coder has learned: contexts [p, n] and mixers [weights], made when they are first asked for."""

    def __init__(self) -> None:
        self.contexts: dict[tuple[str, int], list[int]] = {}
        self.mixers: dict[tuple[str, int], list[int]] = {}

    def context(self, key: tuple[str, int]) -> list[int]:
        name, i = key
        if key not in self.contexts:
            even = 6554 if name.startswith("above") else 32768
            self.contexts[key] = [64 * (STARTS[name](i) if name in STARTS else even), 0]
        return self.contexts[key]

    def decide(self, coder: RangeDecoder, keys: list, mixer: tuple[str, int], rate: int, limit: int) -> int:
        contexts = [self.context(key) for key in keys]
        weights = self.mixers.setdefault(mixer, [19661 if mixer[0] == "zero" else 26214] * len(keys) + [0])
        inputs = []
        for p, n in contexts:
            x = clamp(log2(max(p, 1)) - log2(2**22 - p), -3455, 3455) * (10 * n + 3)
            inputs.append(sign(x) * (abs(x) // (10 * n + 15)))
        inputs.append(128)
        odds = clamp(sum(w * x for w, x in zip(weights, inputs, strict=True)) >> 16, -3455, 3455)
        chance = chance_of(odds)
        bit = coder.bit(chance)
        error = (65536 if bit else 0) - chance
        moved = (w + (error * rate * x + 2**21 >> 22) for w, x in zip(weights, inputs, strict=True))
        weights[:] = [clamp(w, -(2**18), 2**18) for w in moved]
        for context in contexts:
            learn(context, bit, limit)
        return bit

    def read_alone(self, coder: RangeDecoder, key: tuple[str, int]) -> int:
        context = self.context(key)
        bit = coder.bit(clamp(context[0] >> 6, 32, 65504))
        learn(context, bit, 255)
        return bit


def learn(context: list[int], bit: int, limit: int) -> None:
    p, n = context
    context[:] = [p + (((2**22 - 1 if bit else 0) - p) * (655360 // (10 * n + 16)) >> 16), min(n + 1, limit)]


# == Vectors =======================================================================================================


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


def main(path: str) -> None:
    """Play a vector."""
    vector = json.loads(Path(path).read_text())
    for what, found in play([vector[str(i)] for i in range(len(vector) - 1)]):
        print(f"{what}: {found if isinstance(found, str) else f'error {found}'}")


if __name__ == "__main__":
    main(sys.argv[1])
