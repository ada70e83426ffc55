"""Publishing: a new version into the directory of a feed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..container import DEFAULT_LIMITS, Limits
from ..container.files import open_sink
from ..delta import Content, read_content, write_delta
from ..errors import FeedError, OptionError
from .manifest import MANIFEST_NAME, MAX_MANIFEST_NBYTES, Manifest, Version
from .signing import opened, sign
from .transfer import copy, entry_of


class Published(NamedTuple):
    """What `publish` did.

    Attributes:
        version: the newest one.
        is_new: False where the feed had this very model as its newest version already.
        manifest_nbytes: bytes that a device reads to learn of it.
    """

    version: Version
    is_new: bool
    manifest_nbytes: int


def publish(
    model: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    private_key: str | Path | None = None,
    keep: int = 100,
    limits: Limits = DEFAULT_LIMITS,
) -> Published:
    """Add a model file to a feed as its next version: a copy of it, the difference from the version before, a manifest.

    The manifest is replaced last and at once, so that no reader sees half a version; files of no version are left by a
    publisher that died and are overwritten by the next one. One publisher at a time.

    Args:
        model: path of a `.wcz` file, not a delta.
        directory: of the feed; it is made where there is none.
        private_key: path of a PEM file with an Ed25519 key that signs the manifest.
        keep: versions that a device may come from by deltas; the files of older ones are deleted.
        limits: what the model file may ask for.

    Raises:
        FeedError: a damaged manifest, or a signed feed that would become unsigned.
        OptionError: the key file holds no such key, or `keep` is below 1 or too large.
        WczError: a damaged model file. In every case the feed's versions are as they were before.
    """
    if keep < 1:
        raise OptionError(f"a feed keeps at least 1 version, not {keep}")
    feed = Path(directory)
    feed.mkdir(parents=True, exist_ok=True)
    content = read_content(model, limits=limits)
    before = read_manifest(feed) if (feed / MANIFEST_NAME).exists() else Manifest()
    if private_key is None and _is_signed(feed):
        raise FeedError("the feed is signed: publish with its private key")
    digest = content.digest().hex()
    if before.versions and before.newest.digest == digest:
        return Published(before.newest, False, (feed / MANIFEST_NAME).stat().st_size)
    version = _store(Path(model), content, digest, feed, before, limits)
    after = before.followed_by(version, keep)
    data = after.to_bytes() if private_key is None else sign(after.to_bytes(), private_key)
    if len(data) > MAX_MANIFEST_NBYTES:
        raise OptionError(f"{keep} versions need a manifest of {len(data):,} bytes, over {MAX_MANIFEST_NBYTES:,}")
    with open_sink(feed / MANIFEST_NAME) as file:
        file.write(data)
    _delete_unnamed(feed, before, after)
    return Published(version, True, len(data))


def read_manifest(directory: str | os.PathLike[str]) -> Manifest:
    """The manifest of a feed's directory, its signature unchecked; FeedError where it is damaged."""
    return Manifest.from_bytes(opened((Path(directory) / MANIFEST_NAME).read_bytes(), None))


def _store(model: Path, content: Content, digest: str, feed: Path, before: Manifest, limits: Limits) -> Version:
    """The files of the next version, and its row of the manifest."""
    number = before.newest.number + 1 if before.versions else 1
    name = f"{number}-{digest[:8]}"  # a name never gets other bytes, so caches may keep it for ever
    whole = feed / f"{name}.wcz"
    copy(model, whole)
    if not before.versions:
        return Version(number, digest, entry_of(whole), None)
    base = read_content(feed / before.model.path, limits=limits)
    delta = feed / f"{name}.delta.wcz"
    write_delta(content, base, delta)
    return Version(number, digest, entry_of(whole), entry_of(delta))


def _is_signed(feed: Path) -> bool:
    path = feed / MANIFEST_NAME
    return path.exists() and path.read_bytes().count(b"\n") > 1


def _delete_unnamed(feed: Path, before: Manifest, after: Manifest) -> None:
    """Delete the files that the manifest has ceased to name."""
    for path in _names(before) - _names(after):
        (feed / path).unlink(missing_ok=True)


def _names(manifest: Manifest) -> set[str]:
    return {entry.path for v in manifest.versions for entry in (v.model, v.delta) if entry is not None}
