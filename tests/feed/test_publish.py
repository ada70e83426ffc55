"""Publishing: what lies in the directory, what happens when the publisher dies, and signatures."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import wcodec
from wcodec.errors import FeedError, OptionError, SignatureError
from wcodec.feed import publish, pull, read_manifest

# Publishes argv[1] into argv[2] and dies where the manifest would be replaced.
DIE_BEFORE_THE_RENAME = """
import os, signal, sys, pathlib
import wcodec
replace = pathlib.Path.replace
def dying(self, target):
    if pathlib.Path(target).name == "manifest":
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = dying
wcodec.feed.publish(sys.argv[1], sys.argv[2])
"""


def test_files_of_two_versions(models: list[Path], tmp_path: Path) -> None:
    first, second = publish(models[0], tmp_path / "feed"), publish(models[1], tmp_path / "feed")
    assert [v.number for v in read_manifest(tmp_path / "feed").versions] == [1, 2]
    assert first.version.delta is None
    assert second.version.delta is not None
    names = {p.name for p in (tmp_path / "feed").iterdir()}
    short = [v.digest[:8] for v in (first.version, second.version)]
    assert first.version.model.path == f"1-{short[0]}.wcz"
    assert names == {"manifest", f"2-{short[1]}.wcz", f"2-{short[1]}.delta.wcz"}, "only the newest is kept whole"
    assert second.version.digest == wcodec.delta.digest(models[1]).hex()
    assert (tmp_path / "feed" / second.version.model.path).read_bytes() == models[1].read_bytes()
    assert second.version.delta.nbytes < second.version.model.nbytes / 2


def test_the_same_model_again_is_no_version(models: list[Path], tmp_path: Path) -> None:
    publish(models[0], tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert not publish(models[0], tmp_path).is_new
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_old_versions_are_dropped_with_their_files(models: list[Path], tmp_path: Path) -> None:
    for path in models[:5]:
        publish(path, tmp_path, keep=2)
    manifest = read_manifest(tmp_path)
    assert [v.number for v in manifest.versions] == [4, 5]
    named = {e.path for v in manifest.versions for e in (v.model, v.delta) if e is not None}
    assert {p.name for p in tmp_path.iterdir()} == {"manifest", *named}


def test_a_delta_is_refused_and_the_feed_stays(models: list[Path], tmp_path: Path) -> None:
    publish(models[0], tmp_path / "feed")
    wcodec.delta.between(models[0], models[1], tmp_path / "delta.wcz")
    before = {p.name: p.read_bytes() for p in (tmp_path / "feed").iterdir()}
    with pytest.raises(wcodec.WczError, match="base"):
        publish(tmp_path / "delta.wcz", tmp_path / "feed")
    assert {p.name: p.read_bytes() for p in (tmp_path / "feed").iterdir()} == before


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_a_publisher_that_dies_leaves_the_old_version_whole(models: list[Path], tmp_path: Path) -> None:
    feed = tmp_path / "feed"
    publish(models[0], feed)
    command = [sys.executable, "-c", DIE_BEFORE_THE_RENAME, str(models[1]), str(feed)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(feed.iterdir())) > 2, "it died before it wrote anything"
    assert pull(feed, tmp_path / "device.wcz").version == 1
    assert publish(models[1], feed).version.number == 2
    assert pull(feed, tmp_path / "device.wcz").version == 2


def test_options(models: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="at least 1"):
        publish(models[0], tmp_path, keep=0)
    pytest.importorskip("cryptography", reason="needs the extra sign")
    (tmp_path / "no.pem").write_bytes(b"no key")
    with pytest.raises(OptionError, match="PEM"):
        publish(models[0], tmp_path / "feed", private_key=tmp_path / "no.pem")


class TestSignatures:
    """A signed manifest, and all that is not one."""

    @pytest.fixture
    def feed(self, models: list[Path], keys: tuple[Path, Path], tmp_path: Path) -> Path:
        publish(models[0], tmp_path / "feed", private_key=keys[0])
        return tmp_path / "feed"

    def test_bytes(self, feed: Path) -> None:
        signed, signature = (feed / "manifest").read_bytes().splitlines()
        assert signed.startswith(b'{"format":"wcz-feed 1"')
        assert signature.startswith(b"ed25519 ")
        assert len(signature) == 8 + 128

    def test_the_key_is_asked_for(self, feed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
        assert pull(feed, tmp_path / "a.wcz", public_key=keys[1]).version == 1
        assert pull(feed, tmp_path / "b.wcz").version == 1, "without a key the signature is not looked at"

    def test_a_signed_feed_does_not_become_unsigned(self, feed: Path, models: list[Path]) -> None:
        with pytest.raises(FeedError, match="signed"):
            publish(models[1], feed)

    @pytest.mark.parametrize("harm", ["a byte of the text", "a byte of the signature", "no signature", "no hex"])
    def test_mismatch(self, feed: Path, keys: tuple[Path, Path], tmp_path: Path, harm: str) -> None:
        data = (feed / "manifest").read_bytes()
        end = data.index(b"\n") + 1
        changed = {
            "a byte of the text": data.replace(b"1-", b"2-", 1),
            "a byte of the signature": data[:end] + data[end:].translate(bytes.maketrans(b"01", b"10")),
            "no signature": data[:end],
            "no hex": data[: end + 8] + b"zz\n",
        }[harm]
        assert changed != data
        (feed / "manifest").write_bytes(changed)
        with pytest.raises(SignatureError):
            pull(feed, tmp_path / "a.wcz", public_key=keys[1])
        assert not (tmp_path / "a.wcz").exists()

    def test_another_key(self, feed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
        from cryptography.hazmat.primitives import serialization as pem
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
        encoded = other.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / "other.pem").write_bytes(encoded)
        with pytest.raises(SignatureError, match="given key"):
            pull(feed, tmp_path / "a.wcz", public_key=tmp_path / "other.pem")
        with pytest.raises(OptionError):
            pull(feed, tmp_path / "a.wcz", public_key=keys[0])
