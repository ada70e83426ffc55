"""Pulling: the bytes that it takes, and every way in which a feed or a device can be in disorder."""

import json
import shutil
import socket
from pathlib import Path

import pytest

import wcodec
from wcodec.errors import FeedError, RollbackError, StalledError, TransferError
from wcodec.feed import publish, pull, read_manifest


def digest(path: Path) -> str:
    return wcodec.delta.digest(path).hex()


@pytest.fixture
def device(models: list[Path], tmp_path: Path) -> Path:
    """A device with version 1."""
    shutil.copy(models[0], tmp_path / "device.wcz")
    return tmp_path / "device.wcz"


@pytest.fixture
def own_feed(full_feed: Path, tmp_path: Path) -> Path:
    """A copy of the feed, to be damaged."""
    return Path(shutil.copytree(full_feed, tmp_path / "feed"))


def test_the_whole_model_where_there_is_none(full_feed: Path, models: list[Path], tmp_path: Path) -> None:
    done = pull(full_feed, tmp_path / "new.wcz")
    assert (done.version, done.deltas, done.was_new) == (20, 0, True)
    assert (tmp_path / "new.wcz").read_bytes() == models[-1].read_bytes()


def test_deltas_where_they_are_fewer_bytes(own_feed: Path, models: list[Path], tmp_path: Path) -> None:
    shutil.copy(models[17], tmp_path / "device.wcz")
    done = pull(own_feed, tmp_path / "device.wcz")
    newest = read_manifest(own_feed).versions[-2:]
    assert done.deltas == 2
    assert done.nbytes == sum(v.delta.nbytes for v in newest) + (own_feed / "manifest").stat().st_size
    assert done.digest == digest(tmp_path / "device.wcz") == digest(models[-1])


def test_the_whole_model_where_that_is_fewer_bytes(full_feed: Path, device: Path, models: list[Path]) -> None:
    assert sum(v.delta.nbytes for v in read_manifest(full_feed).versions[1:]) > models[-1].stat().st_size
    assert pull(full_feed, device).deltas == 0
    assert device.read_bytes() == models[-1].read_bytes()


def test_again_takes_the_manifest_only(full_feed: Path, device: Path) -> None:
    pull(full_feed, device)
    before = device.stat()
    done = pull(full_feed, device)
    assert not done.was_new
    assert done.nbytes == (full_feed / "manifest").stat().st_size
    assert device.stat() == before


def test_nothing_is_left_beside_the_model_but_its_state(full_feed: Path, device: Path) -> None:
    pull(full_feed, device)
    assert {p.name for p in device.parent.iterdir()} == {"device.wcz", "device.wcz.pull"}
    (state,) = (device.parent / "device.wcz.pull").iterdir()
    assert json.loads(state.read_text()) == {"version": 20}


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_device_whose_file_is_no_version_takes_the_whole_model(
    full_feed: Path, models: list[Path], device: Path, content: bytes | None
) -> None:
    device.write_bytes(models[0].read_bytes()[:-9] if content is None else content)
    assert pull(full_feed, device).deltas == 0
    assert digest(device) == digest(models[-1])


@pytest.mark.parametrize("harm", ["gone", "flipped", "short", "another delta"])
def test_a_bad_delta_is_made_good_by_the_whole_model(
    own_feed: Path, models: list[Path], tmp_path: Path, harm: str
) -> None:
    shutil.copy(models[17], tmp_path / "device.wcz")
    bad = own_feed / read_manifest(own_feed).newest.delta.path
    data = bytearray(bad.read_bytes())
    if harm == "gone":
        bad.unlink()
    elif harm == "flipped":
        data[40] ^= 1
        bad.write_bytes(data)
    elif harm == "another delta":
        text = (own_feed / "manifest").read_text()
        older = read_manifest(own_feed).versions[-3].delta
        newest = read_manifest(own_feed).newest.delta
        for old, new in zip(newest, older, strict=True):
            text = text.replace(json.dumps(old), json.dumps(new))
        (own_feed / "manifest").write_text(text)
    else:
        bad.write_bytes(data[:-1])
    if harm == "short":  # it may be under way still
        with pytest.raises(TransferError, match="1 bytes early"):
            pull(own_feed, tmp_path / "device.wcz")
        assert digest(tmp_path / "device.wcz") == digest(models[17])
        return
    done = pull(own_feed, tmp_path / "device.wcz")
    assert done.deltas == 0
    assert digest(tmp_path / "device.wcz") == digest(models[-1])


def test_a_bad_model_is_an_error_and_the_old_one_stays(own_feed: Path, device: Path, models: list[Path]) -> None:
    path = own_feed / read_manifest(own_feed).model.path
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(FeedError, match="not the file that the manifest names"):
        pull(own_feed, device)
    assert device.read_bytes() == models[0].read_bytes()
    assert not list(device.parent.glob("device.wcz.pull/*.part")), "nothing of it is kept for the next call"


def test_a_manifest_that_names_another_model(own_feed: Path, device: Path, models: list[Path]) -> None:
    text = (own_feed / "manifest").read_text().replace(read_manifest(own_feed).newest.digest, "0" * 64)
    (own_feed / "manifest").write_text(text)
    with pytest.raises(FeedError, match="another model"):
        pull(own_feed, device)
    assert device.read_bytes() == models[0].read_bytes()


def test_an_older_feed_is_refused(own_feed: Path, models: list[Path], device: Path, tmp_path: Path) -> None:
    pull(own_feed, device)
    for path in models[:5]:
        publish(path, tmp_path / "older")
    with pytest.raises(RollbackError, match="newest version is 5, this device had 20"):
        pull(tmp_path / "older", device)
    assert digest(device) == digest(models[-1])


def test_a_huge_manifest(tmp_path: Path, device: Path) -> None:
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "manifest").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(FeedError, match="more than 1,048,576 bytes"):
        pull(tmp_path / "feed", device)


def test_no_feed_and_no_server(tmp_path: Path, device: Path, unused_port: int) -> None:
    with pytest.raises(FeedError, match="is not there"):
        pull(tmp_path / "nothing", device)
    with pytest.raises(TransferError, match="cannot be reached"):
        pull(f"http://127.0.0.1:{unused_port}", device)


def test_a_server_that_stalls(device: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StalledError, match="does not answer"):
        pull(f"http://127.0.0.1:{silent.getsockname()[1]}", device, timeout=0.2)
