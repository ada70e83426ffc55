"""Frames, preamble, END chunk and the grammar of a file, in literal bytes."""

import hashlib
import io
import zlib

import msgpack
import numpy as np
import pytest

import wcodec
from wcodec import errors
from wcodec.container import Limits, NameEntry, Reader, Stream, Writer
from wcodec.container.frames import read_chunk
from wcodec.container.layout import frame, leb128
from wcodec.container.writer import end_chunk
from wcodec.records import FactorRecord, Form, TensorRecord

PREAMBLE = bytes.fromhex("89 57 43 5a 0d 0a 00 01")
EMPTY_END = bytes.fromhex("45 00 bf a9 d7 cc")
FLOAT = TensorRecord(np.dtype("f4"), (1,), 0, (), (FactorRecord(np.dtype("f4"), Form.VERBATIM),))
RAW = [Stream(0, b"\0\0\x80\x3f")]


def written(build, **finish):
    file = io.BytesIO()
    writer = Writer(file)
    build(writer)
    writer.finish(**finish)
    assert writer.nbytes == len(file.getvalue())
    return file.getvalue()


def singles(count):
    def build(writer):
        writer.add_names(NameEntry(f"t{i}", False) for i in range(count))
        for _ in range(count):
            writer.add_tensor(FLOAT, RAW)

    return build


@pytest.mark.parametrize(
    ("value", "code"), [(0, "00"), (127, "7f"), (128, "80 01"), (300, "ac 02"), (2**32, "80 80 80 80 10")]
)
def test_leb128(value, code):
    assert leb128(value) == bytes.fromhex(code)


def test_frame():
    assert frame(b"E", b"") == EMPTY_END
    assert frame(b"m", b"\x80") == b"m\x01\x80" + zlib.crc32(b"m\x01\x80").to_bytes(4, "little")
    assert frame(b"N", bytes(200))[:3] == b"N\xc8\x01"


def test_the_empty_file():
    assert written(lambda writer: None) == PREAMBLE + EMPTY_END
    assert wcodec.decode(PREAMBLE + EMPTY_END) == {}
    assert len(wcodec.safe_open(PREAMBLE + EMPTY_END)) == 0


def test_a_whole_file():
    data = written(singles(1))
    assert data == PREAMBLE + frame(b"N", b"\x00t0\x00") + frame(b"T", b"\x92\x00\x92\x20\x01\0\0\x80\x3f") + EMPTY_END
    assert wcodec.decode(data)["t0"].tolist() == [1.0]


def test_end_chunk_with_index_and_digest():
    body = msgpack.packb([[5, 1], None])
    assert end_chunk([5, 1], None) == frame(b"E", body + (1 + 1 + len(body) + 4 + 4).to_bytes(4, "little"))
    data = written(singles(2), digest=True)
    digest = hashlib.sha256(data[: data.index(b"E\x28")]).digest()
    assert data.endswith(frame(b"E", msgpack.packb([None, digest]) + (46).to_bytes(4, "little")))
    assert wcodec.verify(data) == (2, 8, True)


def test_an_index_from_eight_chunks_on():
    seven, eight = written(singles(7)), written(singles(8))
    assert seven.endswith(EMPTY_END)
    table = msgpack.unpackb(eight[eight.rindex(b"E") + 2 : -8], strict_map_key=False)
    assert table == [[31, 0, *[15, 1] * 8], None]
    assert wcodec.verify(eight) == (8, 32, False)


def test_a_digest_from_two_mebibytes_on():
    big = {"w": np.zeros((2 << 20) // 4 - 100, np.float32)}
    small = wcodec.encode(big, coder="raw", lossless=True).data
    assert len(small) < 2 << 20
    assert not wcodec.verify(small).digest
    big["w"] = np.zeros((2 << 20) // 4, np.float32)
    assert wcodec.verify(wcodec.encode(big, coder="raw", lossless=True).data).digest
    assert not wcodec.verify(wcodec.encode(big, coder="raw", lossless=True, digest=False).data).digest


def test_readers_hold_an_index_to_the_chunks():
    chunks = [frame(b"N", b"\x00t0\x00"), frame(b"T", b"\x92\x00\x92\x20\x01\0\0\x80\x3f")]
    for index in ([10, 0, 15, 1], [11, 0, 15, 1], [10, 0, 15, 2], [10, 0], [25, 1], [10, 0, 15, 1, 6, 0]):
        data = PREAMBLE + b"".join(chunks) + end_chunk(index, None)
        if index == [10, 0, 15, 1]:
            assert wcodec.verify(data).tensors == 1
            assert wcodec.safe_open(data).get_tensor("t0").tolist() == [1.0]
            continue
        with pytest.raises(errors.IndexTableError):
            wcodec.verify(data)
        with pytest.raises(errors.WczError):
            wcodec.safe_open(data).get_tensor("t0")


def test_a_stray_e_where_an_empty_end_seems_to_point(monkeypatch):
    """The last bytes before an empty END chunk, read as a length, may point anywhere, also at an 'E'."""
    body = bytearray(b"E" * (0x45FFFF + 200))
    chunk = frame(b"z", bytes(body))
    data = PREAMBLE + chunk + EMPTY_END
    span = int.from_bytes(data[-8:-4], "little")
    assert data[len(data) - span : len(data) - span + 1] == b"E"
    assert len(wcodec.safe_open(data)) == 0


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"", errors.TruncatedError),
        (b"\x89W", errors.TruncatedError),
        (PREAMBLE[:7], errors.TruncatedError),
        (b"\x89X", errors.NotWczError),
        (b"PK\3\4 a zip", errors.NotWczError),
        (b"\x89WCZ\n\0\1E", errors.NotWczError),
        (PREAMBLE[:6] + b"\1\0", errors.VersionError),
        (PREAMBLE[:6] + b"\0\2", errors.VersionError),
        (PREAMBLE, errors.TruncatedError),
        (PREAMBLE + b"N", errors.TruncatedError),
        (PREAMBLE + b"N\x05abc", errors.TruncatedError),
        (PREAMBLE + b"N\x80\x00", errors.RecordError),
        (PREAMBLE + b"N" + b"\xff" * 9, errors.RecordError),
    ],
)
def test_bad_beginnings(start, error):
    for read in (wcodec.decode, wcodec.verify, wcodec.safe_open):
        with pytest.raises(error) as caught:
            read(start)
        assert type(caught.value) is error


def test_text_mode_damage_is_named():
    with pytest.raises(errors.NotWczError, match="text-mode transfer"):
        wcodec.decode(PREAMBLE.replace(b"\r\n", b"\n") + EMPTY_END)
    with pytest.raises(errors.NotWczError, match=r"not a \.wcz file"):
        wcodec.decode(b"GGUF and so on")


@pytest.mark.parametrize("kind", [b"X", b"Z", b"\0", b"1", b"\xff", b"["])
def test_all_but_lower_case_letters_are_critical(kind):
    with pytest.raises(errors.UnknownChunkError):
        wcodec.decode(PREAMBLE + frame(kind, b"") + EMPTY_END)


def test_lower_case_letters_are_skipped():
    assert wcodec.decode(PREAMBLE + frame(b"a", b"1") + frame(b"z", b"") + EMPTY_END) == {}


def test_a_chunk_over_the_limit_is_not_read():
    file = io.BytesIO(frame(b"N", bytes(100)))
    with pytest.raises(errors.LimitError, match="100 is over the limit chunk_nbytes=99"):
        read_chunk(file, 0, Limits(chunk_nbytes=99))
    assert file.tell() == 2


def test_limits_of_a_file():
    data = written(singles(3))
    for limits in (Limits(chunks=4, tensors=3, total_nbytes=12), Limits()):
        assert len(wcodec.decode(data, limits=limits)) == 3
    for field, value in [("chunks", 3), ("tensors", 2), ("total_nbytes", 11), ("elements", 0), ("rank", 0)]:
        with pytest.raises(errors.LimitError, match=f"{field}={value}"):
            wcodec.decode(data, limits=Limits(**{field: value}))


def test_reader_gives_names_and_metadata_as_it_goes():
    data = written(lambda w: (w.add_metadata({"b": "2", "a": "1"}), singles(1)(w), w.add_graph({0: [1]})))
    reader = Reader(io.BytesIO(data))
    (chunk,) = reader
    assert (chunk.names, reader.metadata, reader.graph) == (("t0",), {"a": "1", "b": "2"}, {0: [1]})
    assert list(reader.metadata) == ["a", "b"]


def test_writer_refuses_what_a_reader_would():
    writer = Writer(io.BytesIO())
    writer.add_names([NameEntry("a", False)])
    with pytest.raises(errors.DuplicateNameError):
        writer.add_names([NameEntry("b", True), NameEntry("a", True)])
    for metadata in ({"a": 1}, {1: "a"}, {"a": "\ud800"}):
        with pytest.raises(errors.OptionError):
            writer.add_metadata(metadata)
    with pytest.raises(errors.OptionError):
        writer.add_graph({"a": object()})
