"""Makers of files with one fault: a sound file around a part that is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack

from vectors.build import (
    END,
    INTEGERS,
    VERBATIM,
    body,
    group,
    head,
    metadata,
    names,
    number,
    tensor,
    wcz,
)
from wcodec.container.layout import frame, leb128

Make = Callable[[], bytes]
Row = tuple[int, str, Make]

F32 = head("float32")
INT32 = head("int32", INTEGERS)
KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS = range(6)
ONE = 320

ONE_TENSOR = tensor([F32, 2], "raw", [ONE], [1, -2])
ONE_GROUPED = names(grouped=["w"])


def record(wire: Any, coder: str = "raw", arrays: tuple[Any, ...] = ([ONE], [1, -2])) -> Make:
    """A file with one tensor of this record."""
    return lambda: wcz(names("w"), tensor(wire, coder, *arrays))


def options(**entries: Any) -> Make:
    """A float32 (2,) tensor whose record has these options."""
    keys = {"kind": KIND, "params": PARAMS, "heads": FACTOR_HEADS, "axes": STEP_AXES, "streams": STREAMS}
    return record([F32, 2, {keys[key]: value for key, value in entries.items()}])


def factored(kind: int, params: Any, heads: list[int] | None, *arrays: Any, shape: tuple[int, ...] = (2,)) -> Make:
    """A float32 tensor of another kind than dense, in one raw stream."""
    wire: dict[int, Any] = {KIND: kind, PARAMS: params}
    if heads is not None:
        wire[FACTOR_HEADS] = heads
    first = heads[0] if heads else F32
    return record([first // 16 * 16, *shape, wire], "raw", arrays)


def manifest(data: bytes, kind: bytes = b"T") -> Make:
    """A file with one tensor chunk of this body."""
    return lambda: wcz(names("w"), frame(kind, data))


def coded(coder: str, data: bytes, wire: Any = None) -> Make:
    """An int32 (2,) tensor whose payload is this."""
    return manifest(body([number(coder), wire or [INT32, 2]], data))


def floats(data: bytes) -> Make:
    """A float16 (2,) tensor, two planes, whose float_planes payload is this."""
    return coded("float_planes", data, [head("float16", VERBATIM), 2])


def name_table(data: bytes, tensors: int = 1) -> Make:
    """A file with this name table and a group of `tensors` tensors."""
    return lambda: wcz(
        frame(b"N", data), group([[F32, 1]] * tensors, "raw", [ONE] + [0] * (tensors - 1), *[[1]] * tensors)
    )


def chunks(*more: bytes, end: bytes = END) -> Make:
    """A sound tensor and these chunks after it."""
    return lambda: wcz(*sound_chunks(), *more, end=end)


def ending(table: Any, span: int | None = None) -> Make:
    """A file whose END chunk holds `table`."""
    data = msgpack.packb(table)
    right = 1 + len(leb128(len(data) + 4)) + len(data) + 4 + 4
    return chunks(end=frame(b"E", data + (right if span is None else span).to_bytes(4, "little")))


def index(*pairs: tuple[int, int]) -> Make:
    """Chunks of 9, 23 and 11 bytes (names, tensor, metadata) with this index."""
    return ending([[v for pair in pairs for v in pair], None])


def spoiled(make: Make, offset: int, value: int) -> Make:
    """The file with one byte changed."""

    def changed() -> bytes:
        data = bytearray(make())
        data[offset] = value
        return bytes(data)

    return changed


def sound_chunks() -> list[bytes]:
    return [names("w"), tensor([F32, 2], "raw", [ONE], [1, -2]), metadata({"a": "b"})]


sound = chunks()
