"""`wcz serve` as a real process: headers, interrupted transfers, a server that is killed."""

import errno
import gzip
import random
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import wcodec
from wcodec.errors import TransferError
from wcodec.feed import pull, read_manifest

Serve = Callable[[Path], tuple[str, object]]


def ask(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, dict(e.headers), e.read()


def digest(path: Path) -> str:
    return wcodec.delta.digest(path).hex()


def test_what_the_server_answers(full_feed: Path, serve: Serve) -> None:
    url, _ = serve(full_feed)
    newest = read_manifest(full_feed).model
    status, headers, body = ask(f"{url}/{newest.path}")
    assert (status, len(body)) == (200, newest.nbytes)
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ask(f"{url}/{newest.path}", If_None_Match=headers["etag"])[0] == 304
    assert ask(f"{url}/{newest.path}", Range="bytes=10-19")[::2] == (206, body[10:20])

    status, headers, packed = ask(f"{url}/manifest", Accept_Encoding="gzip")
    assert headers["cache-control"] == "no-cache"
    assert gzip.decompress(packed) == (full_feed / "manifest").read_bytes()
    assert len(packed) < 0.65 * (full_feed / "manifest").stat().st_size
    assert ask(f"{url}/manifest", If_None_Match=headers["etag"])[0] == 304

    (full_feed / ".being-written.tmp").write_bytes(b"half")
    for name in (".being-written.tmp", "nothing.wcz", "", "..%2Fmanifest", "%2e%2e/x"):
        assert ask(f"{url}/{name}")[0] == 404
    (full_feed / ".being-written.tmp").unlink()


def test_a_free_port_is_told_and_a_taken_one_is_refused(full_feed: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    pytest.importorskip("click", reason="needs the extra cli")
    command = [sys.executable, "-m", "wcodec", "serve", str(full_feed), "--port"]
    with subprocess.Popen([*command, "0"], stderr=subprocess.PIPE, text=True) as first:
        line = first.stderr.readline()
        url = line.removeprefix(f"{full_feed}: served at ").removesuffix("\n")
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]+", url), line
        assert ask(f"{url}/manifest")[0] == 200
        second = subprocess.run([*command, url.rpartition(":")[2]], capture_output=True, text=True, check=False)
        first.kill()
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith(f"error: [Errno {errno.EADDRINUSE}] ")


def test_from_version_1_to_20_takes_a_tenth_more_than_the_least(full_feed: Path, models: list[Path], serve: Serve,
                                                                tmp_path: Path) -> None:  # fmt: skip
    url, _ = serve(full_feed)
    shutil.copy(models[0], tmp_path / "device.wcz")
    done = pull(url, tmp_path / "device.wcz")
    manifest = read_manifest(full_feed)
    least = min(manifest.model.nbytes, sum(v.delta.nbytes for v in manifest.versions[1:]))
    assert done.nbytes <= 1.1 * least
    assert digest(tmp_path / "device.wcz") == digest(models[-1])


@pytest.mark.parametrize("version", [1, 18], ids=["whole model", "deltas"])
def test_interrupted_at_random_points_50_times(
    full_feed: Path, models: list[Path], serve: Serve, relay: type, tmp_path: Path, version: int
) -> None:
    url, _ = serve(full_feed)
    device, old = tmp_path / "device.wcz", models[version - 1]
    random.seed(version)
    interruptions = 0
    with relay(url) as cut:
        while interruptions < 50:
            shutil.copy(old, device)
            shutil.rmtree(tmp_path / "device.wcz.pull", ignore_errors=True)
            for _ in range(1000):
                cut.budget = random.randrange(1, 12_000)
                try:
                    pull(cut.url, device)
                    break
                except TransferError:
                    interruptions += 1
                    assert device.read_bytes() == old.read_bytes()
            assert digest(device) == digest(models[-1])


def test_a_killed_server_and_its_successor(
    full_feed: Path, models: list[Path], serve: Serve, relay: type, tmp_path: Path
) -> None:
    url, process = serve(full_feed)
    device = tmp_path / "device.wcz"
    with relay(url) as cut:
        cut.budget = 10_000
        with pytest.raises(TransferError):
            pull(cut.url, device)
    process.kill()
    process.wait()
    with pytest.raises(TransferError, match="cannot be reached"):
        pull(url, device)
    assert not device.exists()
    kept = sum(p.stat().st_size for p in (tmp_path / "device.wcz.pull").iterdir())
    assert kept > 2_000
    url, _ = serve(full_feed)
    done = pull(url, device)
    assert done.nbytes < models[-1].stat().st_size - kept + 3_000, "what had come was not fetched again"
    assert digest(device) == digest(models[-1])
