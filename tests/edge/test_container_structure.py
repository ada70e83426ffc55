"""The subset of msgpack: what is built, and what is refused before anything is built."""

import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wcodec.container import Limits
from wcodec.container.structure import unpack_prefix, unpack_whole
from wcodec.errors import LimitError, RecordError

LIMITS = Limits()

LITERALS = [
    ("c0", None), ("c2", False), ("c3", True), ("00", 0), ("7f", 127), ("e0", -32), ("ff", -1),
    ("cc ff", 255), ("cd 01 00", 256), ("ce 00 01 00 00", 65536), ("cf ff ff ff ff ff ff ff ff", 2**64 - 1),
    ("d0 80", -128), ("d1 80 00", -(2**15)), ("d2 80 00 00 00", -(2**31)), ("d3 80 00 00 00 00 00 00 00", -(2**63)),
    ("ca 3f 80 00 00", 1.0), ("cb 3f f0 00 00 00 00 00 00", 1.0),
    ("a2 68 69", "hi"), ("d9 01 61", "a"), ("da 00 01 61", "a"), ("db 00 00 00 01 61", "a"),
    ("c4 01 ff", b"\xff"), ("c5 00 01 ff", b"\xff"), ("c6 00 00 00 01 ff", b"\xff"),
    ("92 01 02", [1, 2]), ("dc 00 01 05", [5]), ("dd 00 00 00 01 05", [5]),
    ("81 00 05", {0: 5}), ("de 00 01 a1 61 c0", {"a": None}), ("df 00 00 00 00", {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value"), LITERALS)
def test_every_type(code, value):
    body = bytes.fromhex(code)
    for rest in (b"", b"\x05", b"\xc1"):
        assert unpack_prefix(memoryview(body + rest), LIMITS) == (value, len(body))
    for end in range(len(body)):
        with pytest.raises(RecordError, match="ends too early"):
            unpack_prefix(memoryview(body[:end]), LIMITS)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("c1", "msgpack type 0xc1"),
        ("d4 01 00", "msgpack type 0xd4"),
        ("d6 ff 00 00 00 00", "msgpack type 0xd6"),  # a timestamp
        ("c7 01 05 00", "msgpack type 0xc7"),
        ("a1 ff", "malformed msgpack"),
        ("81 c0 00", "a NoneType cannot be a key"),
        ("81 c3 00", "a bool cannot be a key"),
        ("81 90 00", "a list cannot be a key"),
        ("82 00 01 00 02", "a key stands twice"),
        ("91" * 17 + "00", "nest deeper than 16"),
        ("81 00" * 17 + "00", "nest deeper than 16"),
        ("dd ff ff ff ff 00", "ends too early"),
    ],
)
def test_what_is_refused(code, rule):
    with pytest.raises(RecordError, match=rule):
        unpack_prefix(memoryview(bytes.fromhex(code)), LIMITS)


def test_sixteen_deep_is_allowed():
    body = bytes.fromhex("91" * 16 + "00")
    assert unpack_prefix(memoryview(body), LIMITS)[1] == 17


def test_nested_headers_that_promise_much_allocate_nothing():
    body = memoryview(b"\xdd\x00\x02\x00\x00" * 15 + bytes(1 << 17))
    tracemalloc.start()
    try:
        with pytest.raises(RecordError, match="ends too early"):
            unpack_prefix(body, LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_the_limit_is_on_the_object_not_on_what_follows_it():
    body = memoryview(msgpack.packb([1, 2, 3]) + bytes(100))
    assert unpack_prefix(body, Limits(manifest_nbytes=4)) == ([1, 2, 3], 4)
    with pytest.raises(LimitError, match="manifest_nbytes=3"):
        unpack_prefix(body, Limits(manifest_nbytes=3))


def test_a_whole_body_ends_with_its_object():
    assert unpack_whole(memoryview(b"\x05"), LIMITS) == 5
    with pytest.raises(RecordError, match="bytes after"):
        unpack_whole(memoryview(b"\x05\x05"), LIMITS)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body):
    try:
        value, end = unpack_prefix(memoryview(body), LIMITS)
    except RecordError:
        return
    assert unpack_whole(memoryview(body[:end]), LIMITS) == value or value != value
