"""decode, stream, safe_open and verify: orders, sources, agreement."""

import io
import os
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wcodec
from wcodec import errors
from wcodec.container.layout import frame

BIG = 8192  # elements from which a tensor has a chunk of its own


def model(big=2, small=3):
    """Small and big tensors by turns; more than eight chunks have an index."""
    rng = np.random.default_rng(0)
    tensors = {}
    for i in range(max(big, small)):
        if i < small:
            tensors[f"layer{i}/bias"] = rng.normal(size=5).astype(np.float32)
        if i < big:
            tensors[f"layer{i}/kernel"] = rng.normal(size=(BIG // 64, 64)).astype(np.float32)
    return tensors


@pytest.fixture(scope="module", params=[(0, 2), (2, 3), (9, 4)], ids=["group", "mixed", "indexed"])
def coded(request):
    tensors = model(*request.param)
    return tensors, wcodec.encode(tensors, coder="rice", metadata={"by": "test"}).data


class ShortReads(io.RawIOBase):
    """A source that cannot seek and returns as many bytes as it likes."""

    def __init__(self, data, sizes):
        self._data, self._position, self._sizes = data, 0, sizes
        self._call = 0

    def read(self, nbytes=-1):
        assert nbytes > 0, "a reader asks for what it needs"
        nbytes = min(nbytes, self._sizes[self._call % len(self._sizes)])
        self._call += 1
        piece = self._data[self._position : self._position + nbytes]
        self._position += nbytes
        return piece

    def seekable(self):
        return False


def same(found, expected):
    return list(found) == list(expected) and all(
        found[name].tobytes() == expected[name].tobytes() and found[name].shape == expected[name].shape
        for name in expected
    )


def test_decode_keeps_model_order(coded):
    tensors, data = coded
    assert list(wcodec.decode(data)) == list(tensors)


def test_stream_is_in_file_order():
    tensors = model(2, 3)
    data = wcodec.encode(tensors, coder="rice").data
    expected = ["layer0/bias", "layer1/bias", "layer2/bias", "layer0/kernel", "layer1/kernel"]
    assert [name for name, _ in wcodec.stream(data)] == expected
    tensors = dict(sorted(tensors.items(), reverse=True))  # now a kernel comes first
    data = wcodec.encode(tensors, coder="rice").data
    assert next(iter(tensors)) == "layer2/bias"
    del tensors["layer2/bias"]
    data = wcodec.encode(tensors, coder="rice").data
    expected = ["layer1/kernel", "layer1/bias", "layer0/bias", "layer0/kernel"]
    assert [name for name, _ in wcodec.stream(data)] == expected


def test_all_readers_agree(coded):
    tensors, data = coded
    decoded = wcodec.decode(data)
    streamed = dict(wcodec.stream(data))
    assert same({name: streamed[name] for name in decoded}, decoded)
    with wcodec.safe_open(data) as file:
        assert same(dict(file), decoded)
        assert [file.get_tensor(name).tolist() for name in reversed(tensors)] == [
            decoded[name].tolist() for name in reversed(tensors)
        ]
    nbytes = sum(tensor.nbytes for tensor in tensors.values())
    assert wcodec.verify(data) == (len(tensors), nbytes, False)


def test_every_kind_of_source(coded, tmp_path):
    _, data = coded
    decoded = wcodec.decode(data)
    path = tmp_path / "model.wcz"
    path.write_bytes(data)
    for source in (path, str(path), bytearray(data), memoryview(data), io.BytesIO(data), path.open("rb")):
        assert same(wcodec.decode(source), decoded)
        if hasattr(source, "close"):
            assert not source.closed
            source.close()


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_a_source_may_return_less_than_it_is_asked_for(sizes):
    data = wcodec.encode({"a": np.arange(30), "b": np.ones((2, 3), np.float32)}, coder="rice", digest=True).data
    expected = wcodec.decode(data)
    assert same(wcodec.decode(ShortReads(data, sizes)), expected)
    with pytest.raises(errors.TruncatedError):
        wcodec.decode(ShortReads(data[:-1], sizes))


def test_a_pipe(coded):
    _, data = coded
    read_end, write_end = os.pipe()

    def feed():
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(data)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        found = dict(wcodec.stream(pipe))
    feeder.join()
    decoded = wcodec.decode(data)
    assert same({name: found[name] for name in decoded}, decoded)


def test_a_stream_goes_on_behind_the_end(coded):
    _, data = coded
    source = io.BytesIO(data + b"more" + data)
    first = wcodec.decode(source)
    assert source.read(4) == b"more"
    assert same(wcodec.decode(source), first)
    with pytest.raises(errors.ChunkOrderError, match="bytes after the END chunk"):
        wcodec.decode(data + b"more")
    with pytest.raises(errors.ChunkOrderError):
        list(wcodec.stream(data + b"m"))
    with pytest.raises(errors.WczError):
        wcodec.safe_open(data + b"more")


def test_sources_that_are_none():
    for source in (None, 5, ["model.wcz"]):
        with pytest.raises(errors.UnsupportedTypeError, match="give a path, bytes or a file"):
            wcodec.decode(source)
    with pytest.raises(errors.UnsupportedTypeError, match="text mode"):
        wcodec.decode(io.StringIO("text"))
    with pytest.raises(errors.UnsupportedTypeError, match=r"use wcodec\.stream"):
        wcodec.safe_open(ShortReads(b"", [1]))
    with pytest.raises(FileNotFoundError):
        wcodec.decode("no such file.wcz")


def test_safe_open_closes_what_it_opened(tmp_path):
    path = tmp_path / "bad.wcz"
    path.write_bytes(b"\x89WCZ\r\n\x01\x00")
    with pytest.raises(errors.VersionError):  # an open file would be warned of, which is an error here
        wcodec.safe_open(path)


def test_safe_open_is_a_mapping(coded):
    tensors, data = coded
    with wcodec.safe_open(data) as file:
        assert list(file.keys()) == list(tensors)
        assert len(file) == len(tensors)
        assert "layer0/bias" in file
        assert "layer" not in file
        with pytest.raises(KeyError):
            file.get_tensor("layer")
        assert file.metadata() == {"by": "test"}
        assert file.graph() is None
        assert file.nbytes == len(data)
        assert repr(file) == f"WczFile('bytes', {len(tensors)} tensors, {len(data):,} bytes)"


def test_get_slice(coded):
    _, data = coded
    expected = wcodec.decode(data)["layer0/bias"]
    with wcodec.safe_open(data) as file:
        part = file.get_slice("layer0/bias", slice(1, 4))
        assert part.tolist() == expected[1:4].tolist()
        assert part.base is None
        assert file.get_slice("layer0/bias", 2).shape == ()
        part[:] = 0
        assert file.get_tensor("layer0/bias").tolist() == expected.tolist()


def test_tensors_belong_to_the_caller():
    data = wcodec.encode({"a": np.ones(3, np.float32), "b": np.arange(3)}, coder="raw").data
    with wcodec.safe_open(data) as file:
        first = file.get_tensor("a")
        first += 1
        assert file.get_tensor("a").tolist() == [1, 1, 1]
    for array in wcodec.decode(data).values():
        array[0] = 7  # writable, and no view of the file


def test_tensor_details(coded):
    tensors, data = coded
    with wcodec.safe_open(data) as file:
        rows = file.tensor_details()
    assert [(row.name, row.dtype, row.shape, row.kind) for row in rows] == [
        (name, "float32", tensor.shape, "dense") for name, tensor in tensors.items()
    ]
    groups = {row.shared_by for row in rows if row.name.endswith("bias")}
    assert groups == {sum(name.endswith("bias") for name in tensors)}
    assert {row.coders for row in rows} == {("rice",)}


def test_stream_holds_one_tensor(tmp_path):
    """Peak memory does not grow with the number of tensors."""
    nbytes = 4 * 40_000
    peaks = []
    for count in (2, 12):
        path = tmp_path / f"{count}.wcz"
        wcodec.encode({f"t{i}": np.full(40_000, i, np.float32) for i in range(count)}, path, coder="raw", lossless=True)
        tracemalloc.start()
        for _ in wcodec.stream(path):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + nbytes // 2
    assert peaks[0] < 6 * nbytes


def test_a_damaged_chunk_spares_the_others():
    data = bytearray(wcodec.encode(model(9, 2), coder="raw").data)
    with wcodec.safe_open(data) as file:
        names = list(file)
        whole = dict(file)
    data[len(data) // 18 + 1000] ^= 1  # within the first of nine big chunks
    with wcodec.safe_open(data) as file:
        damaged = []
        for name in names:
            try:
                assert file.get_tensor(name).tobytes() == whole[name].tobytes()
            except errors.ChecksumError:
                damaged.append(name)
    assert damaged == ["layer0/kernel"]
    with pytest.raises(errors.ChecksumError, match="CRC-32 of chunk b'T' at byte"):
        wcodec.decode(data)


def test_errors_name_the_tensor():
    good = wcodec.encode({"a": np.ones(3, np.float32), "b": np.arange(3, dtype=np.int8)}, coder="raw").data
    body = bytearray(good[good.index(b"G") + 2 : -10])
    body[-12:] = np.array([0, 1, 300], "<i4").tobytes()
    start = good.index(b"G")
    data = good[:start] + frame(b"G", bytes(body)) + frame(b"E", b"")
    with pytest.raises(errors.SymbolError, match="tensor 'b': a value of factor 'weight' does not fit int8") as caught:
        wcodec.decode(data)
    assert caught.value.tensor == "b"
    with pytest.raises(errors.PayloadError, match=r"tensor 'a \.\. b': raw payload"):
        wcodec.decode(good[:start] + frame(b"G", bytes(body[:-1])) + frame(b"E", b""))
