"""The subset of msgpack that a file may hold, measured before it is built (format_spec/wcz.md, section 1.3).

A header of five bytes can declare an array of four billion elements, and headers nest. So the bytes are walked once,
without building anything, and only an object that is complete, shallow and of the subset is given to msgpack.
"""

from __future__ import annotations

from typing import Any

import msgpack

from ..errors import LimitError, RecordError
from .layout import Limits

MAX_DEPTH = 16  # arrays and maps within each other

_SCALARS = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8} | {0xCC + i: 1 << i % 4 for i in range(8)}  # bytes that follow
_BLOBS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of the length that follows
_ARRAYS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}


def unpack_prefix(body: memoryview, limits: Limits) -> tuple[Any, int]:
    """The msgpack object that `body` starts with, and the number of bytes that it takes.

    nil, booleans, integers, floats, strings, bytes, arrays, and maps whose keys are distinct integers or strings.

    Raises:
        RecordError: not well formed, outside the subset, or nested too deeply.
        LimitError: longer than `limits.manifest_nbytes`.
    """
    end = _measure(body[: limits.manifest_nbytes], cut=len(body) > limits.manifest_nbytes)
    try:
        value = msgpack.unpackb(body[:end], raw=False, strict_map_key=False, object_pairs_hook=_to_map)
    except ValueError as e:
        raise RecordError(f"malformed msgpack ({type(e).__name__})") from e
    return value, end


def unpack_whole(body: memoryview, limits: Limits) -> Any:
    """The one msgpack object that `body` is; RecordError where something follows it."""
    value, end = unpack_prefix(body, limits)
    if end != len(body):
        raise RecordError("bytes after a msgpack object")
    return value


def _measure(data: memoryview, cut: bool) -> int:
    """Bytes of the first object in `data`, a longer body's beginning where `cut`."""
    position, missing = 0, [1]  # objects that each open array or map still lacks
    while missing:
        if not missing[-1]:
            missing.pop()
            continue
        missing[-1] -= 1
        nbytes, children = _head(data, position)
        position += nbytes
        if position > len(data):
            if cut:
                raise LimitError(f"a manifest is longer than the limit manifest_nbytes={len(data)}")
            raise RecordError("a msgpack object ends too early")
        if children:
            missing.append(children)
            if len(missing) > MAX_DEPTH + 1:
                raise RecordError(f"arrays and maps nest deeper than {MAX_DEPTH}")
    return position


def _head(data: memoryview, position: int) -> tuple[int, int]:
    """(bytes of the object without its elements, number of elements) at `position`; the end of `data` counts as nil."""
    byte = data[position] if position < len(data) else 0xC0
    if byte < 0x80 or byte >= 0xE0:
        return 1, 0
    if byte < 0xA0:
        return 1, (byte & 0x0F) * (2 if byte < 0x90 else 1)
    if byte < 0xC0:
        return 1 + (byte & 0x1F), 0
    if byte in _SCALARS:
        return 1 + _SCALARS[byte], 0
    width = _BLOBS.get(byte) or _ARRAYS.get(byte) or _MAPS.get(byte)
    if width is None:
        raise RecordError(f"msgpack type {byte:#04x} is not part of the format")
    count = int.from_bytes(data[position + 1 : position + 1 + width], "big")
    if byte in _BLOBS:
        return 1 + width + count, 0
    return 1 + width, count * (2 if byte in _MAPS else 1)


def _to_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    table: dict[Any, Any] = {}
    for key, value in pairs:
        if type(key) not in (int, str):
            raise RecordError(f"a {type(key).__name__} cannot be a key")
        if key in table:
            raise RecordError("a key stands twice in a map")
        table[key] = value
    return table
