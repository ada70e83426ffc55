"""The manifest of a feed: which versions there are, their digests and files (format_spec/feed.md, manifest)."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import FeedError

MANIFEST_NAME = "manifest"
MAX_MANIFEST_NBYTES = 1 << 20  # thousands of versions; a device reads no more
FORMAT = "wcz-feed 1"
MAX_NUMBER = 2**53 - 1  # what every JSON reader holds exactly

_HEX32 = re.compile(r"[0-9a-f]{64}")


class Entry(NamedTuple):
    """One file of a feed.

    Attributes:
        path: relative to the manifest, a plain file name.
        nbytes: of the file.
        sha256: of its bytes, 64 hexadecimal digits.
    """

    path: str
    nbytes: int
    sha256: str


class Version(NamedTuple):
    """One version of the model.

    Attributes:
        number: rises by one from version to version.
        digest: model digest (format_spec/delta.md), 64 hexadecimal digits.
        model: the whole model; None for all versions but the newest.
        delta: the difference from the version before, or None where none is offered.
    """

    number: int
    digest: str
    model: Entry | None
    delta: Entry | None


@dataclass(frozen=True)
class Manifest:
    """What a feed offers: its versions, oldest first; a publisher may drop the oldest ones."""

    versions: tuple[Version, ...] = ()

    @property
    def newest(self) -> Version:
        """The version that devices go to; FeedError where nothing was published yet."""
        if not self.versions:
            raise FeedError("the feed has no version yet")
        return self.versions[-1]

    @property
    def model(self) -> Entry:
        """The whole model of the newest version; FeedError where nothing was published yet."""
        entry = self.newest.model
        if entry is None:
            raise FeedError(f"the manifest names no whole model of its newest version, {self.newest.number}")
        return entry

    def followed_by(self, version: Version, keep: int) -> Manifest:
        """With one version more, of which `keep` stay; only the last keeps its whole model."""
        older = tuple(v._replace(model=None) for v in self.versions)
        return Manifest((*older, version)[-keep:])

    def route(self, digest: str | None) -> tuple[Version, ...] | None:
        """The versions whose deltas lead from the model of `digest` to the newest one, or None where they do not."""
        route: list[Version] = []
        for version in reversed(self.versions):
            if version.digest == digest:
                return tuple(reversed(route))
            if version.delta is None:
                return None
            route.append(version)
        return None

    def to_bytes(self) -> bytes:
        """One line of JSON; `from_bytes` reads it back."""
        rows = [[v.number, v.digest, _row(v.model), _row(v.delta)] for v in self.versions]
        text = json.dumps({"format": FORMAT, "versions": rows}, separators=(",", ":"))
        return text.encode("ascii") + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Parse strictly.

        Raises:
            FeedError: not a manifest, or one that contradicts itself.
        """
        try:
            fields = json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as e:
            raise FeedError("the manifest is not JSON") from e
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise FeedError(f"the manifest does not say {FORMAT!r}")
        rows = fields.get("versions")
        if set(fields) != {"format", "versions"} or not isinstance(rows, list):
            raise FeedError("the manifest has other fields than format and versions")
        versions = tuple(_version(row) for row in rows)
        _check_order(versions)
        return cls(versions)


def _row(entry: Entry | None) -> list[Any] | None:
    return None if entry is None else list(entry)


def _version(row: Any) -> Version:
    if not isinstance(row, list) or len(row) != 4:
        raise FeedError("a version of the manifest is not a list of four")
    number, digest, model, delta = row
    if not _is_count(number):
        raise FeedError(f"the manifest has a version number {number!r}")
    if not _is_digest(digest):
        raise FeedError(f"version {number} of the manifest has no model digest")
    return Version(number, digest, _entry(number, model), _entry(number, delta))


def _entry(number: int, row: Any) -> Entry | None:
    if row is None:
        return None
    if not isinstance(row, list) or len(row) != 3:
        raise FeedError(f"version {number} of the manifest has a file that is not a list of three")
    path, nbytes, sha256 = row
    if not isinstance(path, str) or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", path):
        raise FeedError(f"version {number} of the manifest has a file that is not a plain name")
    if not _is_count(nbytes) or not _is_digest(sha256):
        raise FeedError(f"version {number} of the manifest has a file without size or SHA-256")
    return Entry(path, nbytes, sha256)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_NUMBER


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _HEX32.fullmatch(value) is not None


def _check_order(versions: Sequence[Version]) -> None:
    for before, after in itertools.pairwise(versions):
        if after.number != before.number + 1:
            raise FeedError(f"version {after.number} follows version {before.number} in the manifest")
