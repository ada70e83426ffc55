"""fetch(): whole, interrupted, resumed, and never a file made of two."""

import pytest

import wcodec
from wcodec.decoding.download import fetch
from wcodec.errors import OptionError, ResumeError, TransferError, WczError
from wcodec.sources import NoRangesWarning, Remote

from .conftest import network


def boundary(model: bytes, name: str) -> int:
    """Where the chunk of a tensor begins."""
    with wcodec.safe_open(model) as file:
        return file._access.locate(name).offset


def cut_at(server, verified: int):
    """For progress=: tell the server to cut once so many bytes are verified."""
    return lambda nbytes: server.taken.set() if nbytes >= verified else None


def test_a_download_is_the_file(server, model, tmp_path) -> None:
    seen: list[int] = []
    done = fetch(f"{server.url}/ranges/model.wcz", tmp_path / "a.wcz", progress=seen.append)
    assert done == (len(model), 0, 1, True)
    assert (tmp_path / "a.wcz").read_bytes() == model
    assert seen == sorted(seen)
    assert seen[0] == 8
    assert [p.name for p in tmp_path.iterdir()] == ["a.wcz"]


def test_an_interrupted_download_goes_on_after_its_last_whole_chunk(server, model, tmp_path) -> None:
    last_whole = boundary(model, "layer6/kernel")
    target = tmp_path / "a.wcz"
    with pytest.raises(WczError):
        fetch(f"{server.url}/cut.{last_whole + 50}/model.wcz", target, attempts=1, progress=cut_at(server, last_whole))
    assert not target.exists()
    assert (tmp_path / "a.wcz.part").stat().st_size == last_whole
    server.log.clear()
    done = fetch(f"{server.url}/ranges/model.wcz", target)
    assert target.read_bytes() == model
    assert done == (len(model), last_whole, 1, True)
    # Nothing that was verified is transferred again, and nothing else twice.
    assert server.sent() == len(model) - last_whole
    assert next(a.wanted for a in server.log if a.method == "GET").startswith(f"bytes={last_whole}-")


def test_attempts_share_what_arrived(server, model, tmp_path) -> None:
    last_whole = boundary(model, "layer2/kernel")
    url, progress = f"{server.url}/cut.{last_whole + 9}/model.wcz", cut_at(server, last_whole)
    with pytest.raises(WczError):
        fetch(url, tmp_path / "a.wcz", attempts=3, progress=progress)
    firsts = [a.wanted for a in server.log if a.method == "GET"]
    assert firsts[0] is None
    assert all(w.startswith(f"bytes={last_whole}-") for w in firsts[1:])
    assert len(firsts) >= 3


def test_a_part_of_another_file_is_not_taken(server, model, tmp_path) -> None:
    other = wcodec.encode({name: v + 1 for name, v in network().items()}, digest=True).data
    cut = boundary(other, "layer6/kernel")
    (tmp_path / "a.wcz.part").write_bytes(other[:cut])
    with pytest.raises(ResumeError, match="does not fit what came before") as caught:
        fetch(f"{server.url}/ranges/model.wcz", tmp_path / "a.wcz")
    assert caught.value.code == 12
    assert not list(tmp_path.iterdir())
    assert fetch(f"{server.url}/ranges/model.wcz", tmp_path / "a.wcz").kept == 0


def test_a_part_that_is_damaged_counts_up_to_its_damage(server, model, tmp_path) -> None:
    damaged = bytearray(model[: boundary(model, "layer8/kernel") + 3])
    damaged[boundary(model, "layer4/kernel") + 30] ^= 1
    (tmp_path / "a.wcz.part").write_bytes(damaged)
    done = fetch(f"{server.url}/ranges/model.wcz", tmp_path / "a.wcz")
    assert done.kept == boundary(model, "layer4/kernel")
    assert (tmp_path / "a.wcz").read_bytes() == model
    (tmp_path / "b.wcz.part").write_bytes(b"something else")
    assert fetch(f"{server.url}/ranges/model.wcz", tmp_path / "b.wcz").kept == 0


def test_a_file_without_digest_is_fetched_anew(server, tmp_path) -> None:
    data = wcodec.encode(network(), digest=False).data
    (server.folder / "plain.wcz").write_bytes(data)
    (tmp_path / "a.wcz.part").write_bytes(data[: boundary(data, "layer6/kernel")])
    assert fetch(f"{server.url}/ranges/plain.wcz", tmp_path / "a.wcz") == (len(data), 0, 1, False)
    assert (tmp_path / "a.wcz").read_bytes() == data


def test_a_server_without_ranges_starts_anew_and_that_is_said(server, model, tmp_path) -> None:
    for kind in ("whole", "silent"):
        (tmp_path / f"{kind}.wcz.part").write_bytes(model[: boundary(model, "layer6/kernel")])
        with pytest.warns(NoRangesWarning, match="starting anew"):
            done = fetch(f"{server.url}/{kind}/model.wcz", tmp_path / f"{kind}.wcz")
        assert done.kept == 0
        assert (tmp_path / f"{kind}.wcz").read_bytes() == model


def test_no_attempt_is_refused_and_the_part_stays(tmp_path) -> None:
    (tmp_path / "a.wcz.part").write_bytes(b"of an earlier call")
    with pytest.raises(OptionError, match="^attempts is at least 1, not 0$"):
        fetch("http://127.0.0.1:9/a.wcz", tmp_path / "a.wcz", attempts=0)
    assert (tmp_path / "a.wcz.part").read_bytes() == b"of an earlier call"
    with pytest.raises(OptionError, match="^a timeout is above 0, not -1$"):
        Remote("http://127.0.0.1:9/a.wcz", timeout=-1)


def test_a_damaged_file_leaves_nothing(server, model, tmp_path) -> None:
    damaged = bytearray(model)
    damaged[-40] ^= 1  # in the digest, with a CRC that agrees
    (server.folder / "damaged.wcz").write_bytes(damaged)
    with pytest.raises(WczError):
        fetch(f"{server.url}/ranges/damaged.wcz", tmp_path / "a.wcz")
    assert not list(tmp_path.iterdir())
    with pytest.raises(TransferError):
        fetch(f"{server.url}/ranges/none.wcz", tmp_path / "a.wcz")
