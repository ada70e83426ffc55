"""Damaged and hostile files, made from the valid vectors. A number makes the same file again."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from wcodec.container.layout import PREAMBLE

VECTORS = Path(__file__).parents[2] / "format_spec" / "vectors" / "valid"
INTERESTING = (
    0, 1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 1024, 1025, 8192, 8193, 65535, 65536,
    2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -1, -2, -16, -128, -(2**31), -(2**63),
)  # fmt: skip
STRANGE: tuple[Any, ...] = (
    None,
    True,
    False,
    0.5,
    float("nan"),
    "",
    "dense",
    "x" * 40,
    b"",
    b"\xff",
    [],
    {},
    [[]],
    {0: 0},
)


class Mutant(NamedTuple):
    """A file, and whether its chunks' own checks must notice the damage."""

    data: bytes
    checked: bool


def vectors() -> dict[str, bytes]:
    """The valid vectors by name."""
    return {path.stem: path.read_bytes() for path in sorted(VECTORS.glob("*.wcz"))}


def mutant(files: dict[str, bytes], seed: int) -> tuple[str, Mutant]:
    """The name of a vector and what `seed` makes of it."""
    rng = random.Random(seed)
    name = rng.choice(sorted(files))
    return name, rng.choice(MUTATIONS)(rng, files[name], files)


# -- bytes: nothing is repaired afterwards --------------------------------------------------------------------------


def flip_bits(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    return Mutant(_flipped(rng, data), True)


def truncate(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    return Mutant(data[: rng.randrange(len(data))], True)


def extend(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    return Mutant(data + rng.randbytes(rng.randint(1, 40)), True)


def cut_out(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    start = rng.randrange(len(data))
    return Mutant(data[:start] + data[start + rng.randint(1, 20) :], True)


def insert(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    start = rng.randrange(len(data))
    return Mutant(data[:start] + rng.randbytes(rng.randint(1, 20)) + data[start:], True)


def splice(rng: random.Random, data: bytes, files: dict[str, bytes]) -> Mutant:
    other = files[rng.choice(sorted(files))]
    return Mutant(data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :], False)


# -- chunks: lengths and CRCs are right again, index and digest sometimes -------------------------------------------


def damage_body(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    chunks = _chunks(data)
    i = rng.randrange(len(chunks))
    kind, body = chunks[i]
    damage = rng.choice((_flipped, _shortened, _lengthened))
    chunks[i] = (kind, damage(rng, body))
    return Mutant(_join(rng, chunks), False)


def edit_length(rng: random.Random, data: bytes, _files: dict[str, bytes]) -> Mutant:
    chunks = _chunks(data)
    i = rng.randrange(len(chunks))
    kind, body = chunks[i]
    length = _leb128(abs(rng.choice((*INTERESTING, len(body) + 1, len(body) - 1))))
    length = rng.choice((length, length[:-1] + bytes([length[-1] | 0x80, 0])))
    frames = [_frame(*chunk) for chunk in chunks]
    frames[i] = kind + length + body + zlib.crc32(kind + length + body).to_bytes(4, "little")
    return Mutant(PREAMBLE + b"".join(frames), False)


def move_chunks(rng: random.Random, data: bytes, files: dict[str, bytes]) -> Mutant:
    chunks = _chunks(data)
    foreign = _chunks(files[rng.choice(sorted(files))])
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(len(chunks))
        action = rng.randrange(5)
        if action == 0 and len(chunks) > 1:
            del chunks[i]
        elif action == 1:
            chunks.insert(i, rng.choice(chunks))
        elif action == 2:
            rng.shuffle(chunks)
        elif action == 3:
            chunks[i] = (bytes([rng.choice(b"NTGEmgxX\0\xff")]), chunks[i][1])
        else:
            chunks.insert(i, rng.choice(foreign))
    return Mutant(_join(rng, chunks), False)


def edit_manifest(rng: random.Random, data: bytes, files: dict[str, bytes]) -> Mutant:
    chunks = _chunks(data)
    structured = [i for i, (kind, body) in enumerate(chunks) if kind in b"TGEmg" and body]
    if not structured:
        return move_chunks(rng, data, files)
    i = rng.choice(structured)
    kind, body = chunks[i]
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    unpacker.feed(body)
    value = unpacker.unpack()
    rest = body[unpacker.tell() :]
    for _ in range(rng.randint(1, 3)):
        value = _edited(rng, value)
    chunks[i] = (kind, _pack(rng, value) + rest)
    return Mutant(_join(rng, chunks, keep_end=kind == b"E"), False)


MUTATIONS: tuple[Callable[[random.Random, bytes, dict[str, bytes]], Mutant], ...] = (
    flip_bits, truncate, extend, cut_out, insert, splice, damage_body, damage_body, edit_length, move_chunks,
    edit_manifest, edit_manifest, edit_manifest, edit_manifest,
)  # fmt: skip


def _flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _shortened(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _lengthened(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at:]


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, body) of every chunk of a valid file, END included."""
    chunks, position = [], len(PREAMBLE)
    while position < len(data):
        kind, length, shift = data[position : position + 1], 0, 0
        position += 1
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        chunks.append((kind, data[position : position + length]))
        position += length + 4
    return chunks


def _join(rng: random.Random, chunks: list[tuple[bytes, bytes]], keep_end: bool = False) -> bytes:
    """A file of these chunks; most often with an END chunk that fits them."""
    if keep_end or rng.random() < 0.3:
        return PREAMBLE + b"".join(_frame(*chunk) for chunk in chunks)
    before = PREAMBLE + b"".join(_frame(*chunk) for chunk in chunks if chunk[0] != b"E")
    ends = [body for kind, body in chunks if kind == b"E" and body]
    table = None
    if ends and rng.random() < 0.7:
        table = msgpack.packb([None, hashlib.sha256(before).digest()])
    body = b"" if table is None else table + (len(table) + 10).to_bytes(4, "little")
    return before + _frame(b"E", body)


def _frame(kind: bytes, body: bytes) -> bytes:
    head = kind + _leb128(len(body))
    return head + body + zlib.crc32(head + body).to_bytes(4, "little")


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


# -- structure: the msgpack of a body as a tree ----------------------------------------------------------------------


def _edited(rng: random.Random, value: Any) -> Any:
    """The tree with one node changed."""
    if isinstance(value, list) and value and rng.random() < 0.85:
        i = rng.randrange(len(value))
        action = rng.random()
        if action < 0.75:
            return [*value[:i], _edited(rng, value[i]), *value[i + 1 :]]
        if action < 0.83:
            return value[:i] + value[i + 1 :]
        if action < 0.92:
            return [*value[:i], rng.choice(value), *value[i:]]
        return [*value[:i], _anything(rng), *value[i:]]
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        action = rng.random()
        if action < 0.7:
            return {**value, key: _edited(rng, value[key])}
        if action < 0.8:
            return {k: v for k, v in value.items() if k != key}
        return {**value, rng.choice((0, 1, 2, 3, 4, 5, -1, True, "kind", 2**40)): _anything(rng)}
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.6:
        return rng.choice((value + 1, value - 1, value ^ 1 << rng.randrange(8), rng.choice(INTERESTING)))
    return _anything(rng)


def _anything(rng: random.Random) -> Any:
    choice = rng.random()
    if choice < 0.4:
        return rng.choice(INTERESTING)
    if choice < 0.7:
        return rng.choice(STRANGE)
    if choice < 0.8:
        return [rng.choice(INTERESTING) for _ in range(rng.choice((1, 2, 20, 100)))]
    if choice < 0.9:
        return {rng.randrange(6): rng.choice(INTERESTING)}
    nested: Any = rng.choice(INTERESTING)
    for _ in range(rng.choice((2, 15, 16, 17, 100, 600))):
        nested = [nested] if rng.random() < 0.8 else {0: nested}
    return nested


def _pack(rng: random.Random, value: Any) -> bytes:
    try:
        packed = bytes(msgpack.packb(value))
    except (ValueError, OverflowError):  # an integer beyond 64 bits, or nesting beyond what msgpack writes
        packed = b"\x91" * 600 + b"\x00"
    return packed if rng.random() < 0.95 else _flipped(rng, packed)
