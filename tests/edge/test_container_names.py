"""The name table, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wcodec.container import Limits, NameEntry
from wcodec.container.names import ENDINGS, PIECES, decode_names, encode_names
from wcodec.errors import LimitError, NameTableError, UnsupportedTypeError

LIMITS = Limits()

# entries, bytes; worked out by hand from format_spec/wcz.md, section 4
LITERALS = [
    ([], ""),
    ([("w", False)], "00 77 00"),
    ([("w", True)], "01 77 00"),
    ([("", False)], "00 00"),
    ([("dense/kernel", False), ("dense/bias", True)], "00 11 01 0b 02"),
    ([("dense/kernel", False), ("dense_1/kernel", False)], "00 11 01 0a 5f 31 01"),
    ([("conv2d/kernel", False), ("conv2d_1/kernel", False)], "00 10 01 0c 5f 31 01"),
    ([("depthwise_conv2d", False)], "00 13 00"),  # the longest piece first, not conv2d
    ([("/kernel", False)], "00 01"),
    ([("/kernelx", False)], "00 2f 6b 65 72 6e 65 6c 78 00"),  # an ending in the middle of a name is none
    ([("\0\x1f ", False)], "00 1f 00 1f 1f 20 00"),
    ([("é", False), ("è", False)], "00 c3 a9 00 02 a8 00"),  # shares the first byte of two
    ([("x" * 70, False), ("x" * 70 + "y", True)], "00" + "78" * 70 + "00 8d 01 79 00"),
]


def entries_of(pairs):
    return [NameEntry(*pair) for pair in pairs]


@pytest.mark.parametrize(("pairs", "code"), LITERALS)
def test_literal_tables(pairs, code):
    body = bytes.fromhex(code)
    assert encode_names(entries_of(pairs)) == body
    total = sum(len(name.encode()) for name, _ in pairs)
    assert decode_names(body, LIMITS) == (entries_of(pairs), total)


def test_tokens():
    for token, text in [*enumerate(ENDINGS, 0x01), *enumerate(PIECES, 0x10)]:
        end = b"" if token < 0x10 else b"\0"
        assert decode_names(bytes([0, token]) + end, LIMITS)[0] == [NameEntry(text.decode(), False)]
        assert encode_names([NameEntry(text.decode(), False)]) == bytes([0, token]) + end
    assert (len(ENDINGS), len(PIECES)) == (15, 15)


def test_a_slash_is_not_shared_where_a_token_needs_it():
    table = encode_names(entries_of([("a/kernel", False), ("a/bias", False)]))
    assert table == bytes.fromhex("00 61 01 02 02")  # shares "a", not "a/"


def test_lenet_takes_22_bytes():
    names = ["conv2d/kernel", "conv2d/bias", "conv2d_1/kernel", "conv2d_1/bias"]
    names += ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert len(encode_names(NameEntry(name, True) for name in names)) == 22


@given(st.lists(st.tuples(st.text(max_size=40), st.booleans()), max_size=12, unique_by=lambda pair: pair[0]))
def test_any_text_comes_back(pairs):
    assert decode_names(encode_names(entries_of(pairs)), LIMITS)[0] == entries_of(pairs)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body):
    try:
        entries, _ = decode_names(body, LIMITS)
    except NameTableError:
        return
    assert decode_names(encode_names(entries), LIMITS)[0] == entries


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("00", "ends within a name"),
        ("00 77", "ends within a name"),
        ("00 1f", "ends within an escape"),
        ("80", "does not end"),
        ("80 80 80 80 80 01 77 00", "does not end"),
        ("80 00 77 00", "not in its shortest form"),
        ("02 77 00", "shares more bytes"),
        ("00 77 00 04 78 00", "shares more bytes"),
        ("00 ff 00", "not UTF-8"),
        ("00 c3 00", "not UTF-8"),
    ],
)
def test_malformed_tables(code, rule):
    with pytest.raises(NameTableError, match=rule):
        decode_names(bytes.fromhex(code), LIMITS)


def test_limits_count_names_and_bytes():
    body = encode_names(entries_of([("abcdefgh", False), ("abcdefghi", False)]))
    assert (len(body), decode_names(body, Limits(names_nbytes=17))[1]) == (13, 17)
    with pytest.raises(LimitError, match="names_nbytes=16"):
        decode_names(body, Limits(names_nbytes=16))
    with pytest.raises(LimitError, match="names_nbytes=19"):
        decode_names(body, Limits(names_nbytes=19), total=3)
    with pytest.raises(LimitError, match="tensors=1"):
        decode_names(body, Limits(tensors=1))


def test_a_name_that_is_no_text_names_itself():
    with pytest.raises(UnsupportedTypeError, match="cannot be written in UTF-8") as caught:
        encode_names([NameEntry("w\ud800", False)])
    assert caught.value.tensor == "w\ud800"
