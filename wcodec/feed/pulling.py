"""Pulling: a device's model file brought to the newest version of a feed, in the fewest bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..container import DEFAULT_LIMITS, Limits
from ..container.files import open_sink
from ..delta import read_chain, read_content, write_model
from ..errors import FeedError, RollbackError, StalledError, TransferError, WczError
from .manifest import MANIFEST_NAME, MAX_MANIFEST_NBYTES, Entry, Manifest, Version
from .signing import opened
from .transfer import TIMEOUT_SECONDS, Origin, copy, kept_nbytes


class Pulled(NamedTuple):
    """What `pull` did.

    Attributes:
        version: number of the version that the file now is.
        digest: its model digest, 64 hexadecimal digits.
        was_new: False where the file was the newest version before.
        deltas: applied to the old file; 0 where the whole model came.
        nbytes: bodies that were transferred, manifest included.
    """

    version: int
    digest: str
    was_new: bool
    deltas: int
    nbytes: int


def pull(
    feed: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    public_key: str | Path | None = None,
    timeout: float = TIMEOUT_SECONDS,
    limits: Limits = DEFAULT_LIMITS,
) -> Pulled:
    """Bring a model file to the newest version of a feed.

    The deltas from the file's own version are fetched where they are together smaller than the whole model, and the
    whole model otherwise. What has arrived stays in the directory `dst` + ".pull" when a call is interrupted, and the
    next one goes on from there, in the middle of a file too. Every file is checked against the manifest before it is
    decoded, the result against its model digest; then `dst` is replaced at once.

    Args:
        feed: http(s) URL of the directory that holds the manifest, or the directory itself.
        dst: path of the model file; where it is missing or of no version of the feed, the whole model is fetched.
        public_key: path of a PEM file with the Ed25519 key that must have signed the manifest.
        timeout: seconds without a byte after which a transfer counts as stalled.
        limits: what the files may ask for.

    Raises:
        SignatureError: the manifest is not signed by that key; nothing else was read.
        RollbackError: the feed offers an older version than this device had from it.
        TransferError, StalledError: a transfer broke; the next call goes on.
        FeedError, WczError: the feed is damaged. In every case `dst` is as it was before.
    """
    origin = Origin(feed, timeout)
    manifest = Manifest.from_bytes(opened(origin.read(MANIFEST_NAME, MAX_MANIFEST_NBYTES), public_key))
    device = _Device(Path(dst), limits)
    newest = manifest.newest
    if newest.number < device.last_number:
        raise RollbackError(f"the feed's newest version is {newest.number}, this device had {device.last_number}")
    digest = device.digest()
    if digest == newest.digest:
        device.remember(newest)
        return Pulled(newest.number, newest.digest, False, 0, origin.nbytes)
    applied = device.update(origin, manifest, manifest.route(digest))
    return Pulled(newest.number, newest.digest, True, applied, origin.nbytes)


class _Device:
    """The model file of a device and the directory beside it that holds what is under way."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._store = path.with_name(f"{path.name}.pull")

    @property
    def last_number(self) -> int:
        """The highest version that this device ever had from its feed, 0 for none."""
        try:
            number = json.loads((self._store / "state").read_text())["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return number if type(number) is int else 0

    def digest(self) -> str | None:
        """The model digest of the file, or None where there is none that can be read."""
        try:
            return read_content(self._path, limits=self._limits).digest().hex()
        except (OSError, WczError):
            return None

    def update(self, origin: Origin, manifest: Manifest, route: tuple[Version, ...] | None) -> int:
        """Replace the file by the newest version; the number of deltas that it took."""
        self._store.mkdir(exist_ok=True)
        newest, model = manifest.newest, manifest.model
        deltas = [version.delta for version in route or () if version.delta is not None]
        if deltas and sum(map(self._missing, deltas)) < self._missing(model):
            try:
                self._apply([origin.fetch(delta, self._store) for delta in deltas], newest)
            except (TransferError, StalledError):
                raise
            except WczError:  # a delta that is gone or damaged: the whole model does not need it
                deltas = []
        else:
            deltas = []
        if not deltas:
            self._replace(origin.fetch(model, self._store), newest)
        self.remember(newest)
        return len(deltas)

    def _missing(self, entry: Entry) -> int:
        """Bytes of a file that are yet to be fetched."""
        return entry.nbytes - kept_nbytes(entry, self._store)

    def _apply(self, deltas: Sequence[Path], newest: Version) -> None:
        content = read_chain(self._path, *deltas, limits=self._limits)
        if content.digest().hex() != newest.digest:
            raise FeedError(f"the deltas to version {newest.number} give another model than the manifest names")
        write_model(content, self._path)

    def _replace(self, model: Path, newest: Version) -> None:
        if read_content(model, limits=self._limits).digest().hex() != newest.digest:
            raise FeedError(f"the file of version {newest.number} holds another model than the manifest names")
        copy(model, self._path)

    def remember(self, version: Version) -> None:
        """Keep the number of the version, and nothing that was under way."""
        self._store.mkdir(exist_ok=True)
        with open_sink(self._store / "state") as file:
            file.write(json.dumps({"version": version.number}).encode("ascii"))
        for path in self._store.iterdir():
            if path.name != "state":
                path.unlink()
