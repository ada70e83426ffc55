"""The name table: front-coded, with one-byte tokens for frequent pieces (format_spec/wcz.md, section 4).

    entry  := LEB128(2 * shared + grouped) suffix
    suffix := (byte | token | 1F byte)* (00 | ending token)

`shared` counts the leading bytes of the previous name that this one repeats. Names are record models of a file's
overhead: a LeNet's eight Keras names take 22 bytes here, 100 as strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..errors import NameTableError, UnsupportedTypeError
from .layout import Limits, leb128

STOP, ESCAPE = 0x00, 0x1F

# Tokens 01..0F end a name, 10..1E do not. Part of the format: never reordered.
ENDINGS = (
    b"/kernel", b"/bias", b".weight", b".bias", b"/gamma", b"/beta", b"/moving_mean", b"/moving_variance",
    b".running_mean", b".running_var", b".num_batches_tracked", b"/recurrent_kernel", b"/embeddings",
    b"/depthwise_kernel", b"/pointwise_kernel",
)  # fmt: skip
PIECES = (
    b"conv2d", b"dense", b"batch_normalization", b"depthwise_conv2d", b"conv", b"layer", b"encoder", b"decoder",
    b"attention", b"embedding", b"lstm", b"block", b"norm", b"downsample", b"output",
)  # fmt: skip
_TOKENS = {**{0x01 + i: t for i, t in enumerate(ENDINGS)}, **{0x10 + i: t for i, t in enumerate(PIECES)}}
_NUMBERS = {text: bytes([number]) for number, text in _TOKENS.items()}
_SHORTENED = re.compile(b"|".join([*sorted(PIECES, key=len, reverse=True), rb"[\x00-\x1f]"]))


class NameEntry(NamedTuple):
    """A tensor's name and whether it rides in a group chunk."""

    name: str
    grouped: bool


def encode_names(entries: Iterable[NameEntry]) -> bytes:
    """Body of a NAMES chunk; deterministic."""
    out, previous = bytearray(), b""
    for name, grouped in entries:
        text = _to_bytes(name)
        out += min(_spellings(previous, text, grouped), key=len)
        previous = text
    return bytes(out)


def decode_names(body: bytes | memoryview, limits: Limits, total: int = 0) -> tuple[list[NameEntry], int]:
    """Entries of a NAMES chunk, and `total` plus the bytes of their names.

    Raises:
        NameTableError: malformed, not UTF-8, or a name twice.
        LimitError: too many names or bytes.
    """
    limits.check("names_nbytes", len(body), "bytes of a name table")
    data, position, previous = bytes(body), 0, b""
    entries: list[NameEntry] = []
    while position < len(data):
        flags, position = _read_leb128(data, position)
        shared, grouped = divmod(flags, 2)
        if shared > len(previous):
            raise NameTableError("a name shares more bytes than the name before it has")
        suffix, position = _decode_suffix(data, position)
        previous = previous[:shared] + suffix
        total += len(previous)
        limits.check("names_nbytes", total, "bytes of names")
        limits.check("tensors", len(entries) + 1, "names")
        entries.append(NameEntry(_to_text(previous), bool(grouped)))
    return entries, total


def _spellings(previous: bytes, text: bytes, grouped: bool) -> Iterator[bytes]:
    """The entry with the longest shared prefix, and with one byte less: "/bias" as a token needs its slash."""
    longest = _common_prefix(previous, text)
    for shared in range(longest, max(longest - 2, -1), -1):
        yield leb128(2 * shared + grouped) + _encode_suffix(text[shared:])


def _encode_suffix(text: bytes) -> bytes:
    """Pieces from the left, longest first. No piece holds the "/" or "." of an ending, so none reaches into one."""
    ending = next((e for e in ENDINGS if text.endswith(e)), b"")
    body = _SHORTENED.sub(lambda found: _NUMBERS.get(found[0]) or bytes([ESCAPE]) + found[0], text.removesuffix(ending))
    return body + (_NUMBERS[ending] if ending else bytes([STOP]))


def _decode_suffix(data: bytes, position: int) -> tuple[bytes, int]:
    suffix = bytearray()
    while True:
        if position >= len(data):
            raise NameTableError("the name table ends within a name")
        byte = data[position]
        position += 1
        if byte == STOP:
            return bytes(suffix), position
        if byte == ESCAPE:
            if position >= len(data):
                raise NameTableError("the name table ends within an escape")
            suffix.append(data[position])
            position += 1
        elif byte in _TOKENS:
            suffix += _TOKENS[byte]
            if byte < 0x10:
                return bytes(suffix), position
        else:
            suffix.append(byte)


def _read_leb128(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 28:
            raise NameTableError("a length in the name table does not end")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if not byte and shift > 7:
                raise NameTableError("a length in the name table is not in its shortest form")
            return value, position


def _common_prefix(a: bytes, b: bytes) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _to_bytes(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError as e:
        raise UnsupportedTypeError("this name cannot be written in UTF-8", tensor=name) from e


def _to_text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as e:
        raise NameTableError(f"name {name!r} is not UTF-8") from e
