"""Sources in pieces of every size, cut off anywhere, or silent; work ahead on a thread."""

import functools
import io
import mmap
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wcodec
from wcodec.container import DEFAULT_LIMITS, Reader
from wcodec.container.frames import read_chunk
from wcodec.container.layout import PREAMBLE
from wcodec.container.memory import LARGE_BODY, Memory, allocate, give_back
from wcodec.decoding.prefetch import ahead
from wcodec.errors import OptionError, StalledError, TruncatedError, UnsupportedTypeError, WczError
from wcodec.sources import Remote, Timed

VALID = sorted((Path(__file__).parents[2] / "format_spec" / "vectors" / "valid").glob("*.wcz"))


class Pieces(io.RawIOBase):
    """A forward-only file that gives at most so many bytes a read as the sizes say, in turn."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._file, self._sizes, self._reads = io.BytesIO(data), sizes, 0

    def read(self, nbytes: int = -1) -> bytes:
        size = self._sizes[self._reads % len(self._sizes)]
        self._reads += 1
        return self._file.read(size if nbytes < 0 else min(size, nbytes))

    readinto = None  # a file that has `read` only

    def seekable(self) -> bool:
        return False


def read_only(data: bytes, sizes: list[int]):
    file = Pieces(data, sizes)
    return type("ReadOnly", (), {"read": staticmethod(file.read)})()


def same(found: dict, expected: dict) -> bool:
    bits = [(name, value.dtype, value.tobytes()) for name, value in expected.items()]
    return [(name, value.dtype, value.tobytes()) for name, value in found.items()] == bits


def chunk_starts(data: bytes) -> list[tuple[int, int, str | None]]:
    """Start, end and first tensor (None for a chunk without) of every chunk."""
    file, offset, chunks = io.BytesIO(data), len(PREAMBLE), []
    file.seek(offset)
    while offset < len(data):
        chunk = read_chunk(file, offset, DEFAULT_LIMITS)
        chunks.append((offset, offset + chunk.nbytes, chunk.kind))
        offset += chunk.nbytes
    first = iter([chunk.names[0] for chunk in Reader(io.BytesIO(data))])
    return [(start, end, next(first) if kind in (b"T", b"G") else None) for start, end, kind in chunks]


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_every_vector_byte_by_byte(path: Path) -> None:
    data = path.read_bytes()
    expected = wcodec.decode(data)
    assert same(wcodec.decode(read_only(data, [1])), expected)
    assert same({n: dict(wcodec.stream(read_only(data, [1])))[n] for n in expected}, expected)


@settings(max_examples=150)
@given(path=st.sampled_from(VALID), sizes=st.lists(st.integers(1, 97), min_size=1, max_size=8), ahead=st.integers(0, 2))
def test_every_split_gives_the_same_tensors(path: Path, sizes: list[int], ahead: int) -> None:
    data = path.read_bytes()
    expected = wcodec.decode(data)
    streamed = dict(wcodec.stream(read_only(data, sizes), prefetch=ahead))
    assert same({name: streamed[name] for name in expected}, expected)


@settings(max_examples=400)
@given(path=st.sampled_from(VALID), sizes=st.lists(st.integers(1, 97), min_size=1, max_size=4), where=st.floats(0, 1))
def test_every_truncation_is_an_error_that_names_the_tensor(path: Path, sizes: list[int], where: float) -> None:
    data = path.read_bytes()
    cut = int(where * (len(data) - 1))
    with pytest.raises(TruncatedError) as caught:
        list(wcodec.stream(read_only(data[:cut], sizes)))
    begun = next((name for start, end, name in chunk_starts(data) if start < cut < end), None)
    assert caught.value.tensor == begun, cut


@pytest.mark.parametrize("path", [VALID[i] for i in range(0, len(VALID), 6)], ids=lambda p: p.stem)
def test_every_single_cut_point(path: Path) -> None:
    data = path.read_bytes()
    chunks = chunk_starts(data)
    for cut in range(len(data)):
        with pytest.raises(TruncatedError) as caught:
            wcodec.verify(io.BytesIO(data[:cut]))
        assert caught.value.tensor == next((name for s, e, name in chunks if s < cut < e), None)


@functools.cache
def large_file() -> tuple[bytes, dict[str, np.ndarray]]:
    """A chunk of several bands in a body above LARGE_BODY, with small tensors before and after it."""
    rng = np.random.default_rng(4)
    tensors = {
        "first": rng.normal(size=(30,)).astype("f"),
        "large/kernel": rng.normal(size=(300, 1000)).astype("f"),
        "as_is": rng.normal(size=(700, 450)).astype("f"),
        "last": rng.normal(size=(30,)).astype("f"),
    }
    data = wcodec.encode(tensors, coder="context", band_elements=1 << 16).data
    assert data is not None
    return data, tensors


def test_a_large_body_gives_the_same_in_any_pieces() -> None:
    data, tensors = large_file()
    expected = wcodec.decode(data)
    assert all(np.abs(expected[name] - value).max() < 0.05 for name, value in tensors.items())
    for sizes in ([70_001], [1 << 20], [13, 400_000]):
        assert same(wcodec.decode(read_only(data, sizes)), expected)
        assert same(wcodec.decode(read_only(data, sizes), threads=3), expected)
    with wcodec.safe_open(data) as file:
        assert same({name: file.get_tensor(name) for name in file}, expected)
    with pytest.raises(TruncatedError, match="tensor 'as_is'"):
        wcodec.decode(data[:-3000])


def test_memory_of_a_body_goes_back_from_its_start() -> None:
    memory = allocate(10 * mmap.PAGESIZE)
    memory[:] = b"x" * len(memory)
    payload = memoryview(memory)[5 : 3 * mmap.PAGESIZE + 7]
    give_back(payload, 7 * mmap.PAGESIZE - 7)
    assert memory[: 3 * mmap.PAGESIZE] == bytes(3 * mmap.PAGESIZE)
    assert memory[3 * mmap.PAGESIZE :] == b"x" * (7 * mmap.PAGESIZE)
    give_back(b"bytes are no map", 0)
    assert LARGE_BODY > mmap.PAGESIZE
    assert isinstance(memory, Memory)


def test_an_announced_body_takes_no_memory_before_it_is_there() -> None:
    data, _ = large_file()
    lying = bytearray(data[:8]) + b"N\x00" + bytes.fromhex("00000000")
    lying = lying[:8] + b"x\xff\xff\xff\xff\x0f"  # 4 GiB less one, and nothing follows
    started = time.process_time()
    with pytest.raises(TruncatedError):
        wcodec.decode(bytes(lying))
    assert time.process_time() - started < 2


def test_a_map_is_a_source(tmp_path: Path) -> None:
    data, _ = large_file()
    (tmp_path / "m.wcz").write_bytes(data)
    with (tmp_path / "m.wcz").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        expected = wcodec.decode(data)
        assert same(wcodec.decode(mapped), expected)
        assert same(wcodec.decode(mapped), expected)  # from its start each time
        with wcodec.safe_open(mapped) as opened:
            assert same({name: opened.get_tensor(name) for name in opened}, expected)


def test_a_real_pipe_and_what_follows_a_file_in_it() -> None:
    data, _ = large_file()
    with os.fdopen(fed(data + b"the next message", then_close=True), "rb") as pipe:
        assert same(wcodec.decode(pipe), wcodec.decode(data))
        assert pipe.read() == b"the next message"


def test_random_access_needs_a_source_that_seeks() -> None:
    with pytest.raises(UnsupportedTypeError, match="use wcodec.stream"):
        wcodec.safe_open(Pieces(b"", [1]))


def fed(*pieces: bytes, then_close: bool) -> int:
    """The read end of a pipe that gets these pieces."""
    read_end, write_end = os.pipe()

    def feed() -> None:
        for piece in pieces:
            os.write(write_end, piece)
            time.sleep(0.001)
        if then_close:
            os.close(write_end)

    threading.Thread(target=feed, daemon=True).start()
    return read_end


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_pipe_that_stalls_is_given_up_and_the_tensor_named(buffering: int) -> None:
    data, _ = large_file()
    with os.fdopen(fed(data[: len(data) // 3], then_close=False), "rb", buffering) as pipe:
        timed = Timed(pipe, 0.3)
        with pytest.raises(StalledError, match="tensor 'large/kernel': the source gave nothing for 0.3 s"):
            list(wcodec.stream(timed, prefetch=1))
        with pytest.raises(StalledError):
            timed.read(1)  # it does not try again


def test_a_file_object_that_stalls_is_given_up() -> None:
    forever = threading.Event()

    class Silent:
        def read(self, nbytes: int) -> bytes:
            forever.wait()
            return b""

    with pytest.raises(StalledError):
        wcodec.decode(Timed(Silent(), 0.1))
    forever.set()


def test_what_was_buffered_before_the_timeout_is_not_lost() -> None:
    data = VALID[0].read_bytes()
    with os.fdopen(fed(b"header\n" + data + b"rest", then_close=True), "rb") as pipe:
        assert pipe.readline() == b"header\n"
        timed = Timed(pipe, 5)
        assert same(wcodec.decode(timed), wcodec.decode(data))
        assert timed.read() == b"rest"


def test_a_source_that_is_slow_but_alive_is_no_stall() -> None:
    data = VALID[0].read_bytes()
    pieces = [data[i : i + 4] for i in range(0, len(data), 4)]
    with os.fdopen(fed(*pieces, then_close=True), "rb") as pipe:
        assert same(wcodec.decode(Timed(pipe, 5)), wcodec.decode(data))


def test_a_timed_source_passes_errors_on() -> None:
    def broken(_: int) -> bytes:
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        wcodec.decode(Timed(type("F", (), {"read": staticmethod(broken)})(), 1.0))
    with pytest.raises(OptionError, match="^a timeout is above 0, not "):
        Timed(io.BytesIO(), 0)


def test_ahead_is_bounded_and_in_order() -> None:
    made: list[int] = []

    def numbers():
        for i in range(10):
            made.append(i)
            yield i

    items = ahead(numbers(), 2)
    assert next(items) == 0
    time.sleep(0.1)
    assert len(made) <= 4  # the one in hand, two ready, one more that waits for room
    assert list(items) == list(range(1, 10))


def test_ahead_raises_where_the_item_would_have_come_and_ends_with_its_caller() -> None:
    closed = threading.Event()

    def failing():
        try:
            yield 1
            raise WczError("rule")
        finally:
            closed.set()

    items = ahead(failing(), 3)
    assert next(items) == 1
    with pytest.raises(WczError, match="rule"):
        next(items)
    assert closed.wait(5)
    closed.clear()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = ahead(endless(), 1)
    next(items)
    items.close()
    assert closed.wait(5)


def test_a_url_needs_its_extra_only_when_opened() -> None:
    assert repr(Remote("s3://bucket/model.wcz", timeout=3)) == "Remote('s3://bucket/model.wcz')"
