"""Bytes, lengths and msgpack (wcz.md, section 1)."""

from __future__ import annotations

import numpy as np

from .errors import LIMIT, RECORD, RefusedError, require


class Bytes:
    """A cursor over bytes; reading past their end breaks the rule `number`."""

    def __init__(self, data: bytes, number: int) -> None:
        self.data, self.position, self.number = data, 0, number

    def take(self, count: int) -> bytes:
        require(count <= self.left(), self.number, "the bytes end too early")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def left(self) -> int:
        return len(self.data) - self.position

    def leb128(self, most_bytes: int, malformed: int) -> int:
        value = 0
        for i in range(most_bytes):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                require(byte or i == 0, malformed, "a length is not in its shortest form")
                return value
        raise RefusedError(malformed, "a length does not end")


def read_msgpack(source: Bytes, depth: int = 0) -> object:
    """One object of the subset of msgpack that the format uses (section 1.3)."""
    byte = source.byte()
    if byte < 0x80 or byte >= 0xE0:
        return byte if byte < 0x80 else byte - 0x100
    if byte < 0xA0:
        return (read_map if byte < 0x90 else read_array)(source, byte & 0x0F, depth)
    if byte < 0xC0:
        return text(source.take(byte & 0x1F))
    return read_long(source, byte, depth)


def read_long(source: Bytes, byte: int, depth: int) -> object:
    """An object whose first byte is C0 to DF."""
    if byte in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[byte]
    if byte in (0xCA, 0xCB):
        width = 4 if byte == 0xCA else 8
        return float(np.frombuffer(source.take(width), f">f{width}")[0])
    if 0xCC <= byte <= 0xD3:
        return int.from_bytes(source.take(1 << byte % 4), "big", signed=byte >= 0xD0)
    lengths = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
    require(byte in lengths, RECORD, "a msgpack type that the format does not use")
    count = int.from_bytes(source.take(lengths[byte]), "big")
    if byte <= 0xC6:
        return source.take(count)
    if byte <= 0xDB:
        return text(source.take(count))
    return read_array(source, count, depth) if byte <= 0xDD else read_map(source, count, depth)


def read_array(source: Bytes, count: int, depth: int) -> list:
    require(count == 0 or depth < 16, RECORD, "arrays and maps nest deeper than 16")
    return [read_msgpack(source, depth + 1) for _ in range(count)]


def read_map(source: Bytes, count: int, depth: int) -> dict:
    require(count == 0 or depth < 16, RECORD, "arrays and maps nest deeper than 16")
    table: dict = {}
    for _ in range(count):
        key = read_msgpack(source, depth + 1)
        require(type(key) in (int, str), RECORD, "a key is neither integer nor string")
        require(key not in table, RECORD, "a key stands twice")
        table[key] = read_msgpack(source, depth + 1)
    return table


def text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedError(RECORD, "a string is not UTF-8") from None


def read_manifest(body: bytes, limits: dict) -> tuple[object, bytes]:
    """The msgpack object at the start of a body, and the bytes after it."""
    limit = limits["manifest_nbytes"]
    source = Bytes(body[:limit], LIMIT if len(body) > limit else RECORD)
    value = read_msgpack(source)
    return value, body[source.position :]


def read_whole(body: bytes, limits: dict) -> object:
    value, rest = read_manifest(body, limits)
    require(not rest, RECORD, "bytes follow a msgpack object")
    return value
