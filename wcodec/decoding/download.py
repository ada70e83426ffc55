"""fetch(): a remote file to a local one, chunk by verified chunk, so that an interrupted download goes on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, NamedTuple

from ..container import DEFAULT_LIMITS, Limits, layout
from ..container.digest import sha256
from ..container.frames import Chunk, expect_nothing_more, parse_end, read_chunk, read_preamble
from ..errors import DigestError, OptionError, ResumeError, StalledError, TransferError, TruncatedError, WczError
from ..sources import NoRangesWarning, Remote
from ..sources.opening import as_remote
from ..sources.remote import NoRangesError

ATTEMPTS = 3

Progress = Callable[[int], None]  # bytes of the file that are there and verified

_BROKEN = (TransferError, StalledError, TruncatedError)  # what another attempt may mend


class Fetched(NamedTuple):
    """What `fetch` did.

    Attributes:
        nbytes: of the file.
        kept: of them, those that an earlier, interrupted call had left and that were not transferred again.
        attempts: transfers that were begun.
        digest: whether the file carries a digest, which agreed.
    """

    nbytes: int
    kept: int
    attempts: int
    digest: bool


def fetch(
    url: str | Remote,
    dst: str | os.PathLike[str],
    *,
    attempts: int = ATTEMPTS,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Fetched:
    """Download a `.wcz` file; what arrived before an interruption is kept and not transferred again.

    Chunks go into `dst` with the suffix `.part` once their checksums agree; the next attempt, of this call or of a
    later one, begins behind the last of them. The digest at the end covers both parts. A file without a digest cannot
    show that it did not change meanwhile: it is fetched anew. `dst` appears when everything has been verified.

    Args:
        url: of the file, or a `Remote`.
        dst: path to write.
        attempts: transfers before an interruption is an error.
        limits: what the file may ask for.
        progress: called after each chunk.

    Raises:
        TransferError, StalledError, TruncatedError: the last attempt broke too; the part stays for the next call.
        ResumeError: the parts do not fit each other, the remote file has changed; the part is deleted.
        OptionError: no attempt.
        WczError: a damaged file; the part is deleted.
    """
    if attempts < 1:
        raise OptionError(f"attempts is at least 1, not {attempts}")
    download = _Download(as_remote(url), Path(dst), limits, progress or (lambda _: None))
    kept = download.kept
    attempt = 0
    while True:
        attempt += 1
        try:
            verified = download.run()
        except _BROKEN:
            if attempt == attempts:
                raise
            continue
        nbytes = Path(dst).stat().st_size
        return Fetched(nbytes, min(kept, nbytes) if verified.resumed else 0, attempt, verified.digest)


class _Verified(NamedTuple):
    resumed: bool
    digest: bool


class _Download:
    """One file on its way. `kept` is where the verified beginning of the part ends."""

    def __init__(self, remote: Remote, path: Path, limits: Limits, progress: Progress) -> None:
        self._remote, self._path, self._limits, self._progress = remote, path, limits, progress
        self._part = path.with_name(f"{path.name}.part")
        self._sha = sha256()
        self._index: list[int] = []
        self.kept = 0
        if self._part.exists():
            self._survey()

    def run(self) -> _Verified:
        """One attempt: the rest of the file, or the whole of it."""
        resumed = self.kept > 0
        try:
            digest = self._transfer()
        except NoRangesError:
            warnings.warn(f"{self._remote.url}: the server cannot begin in the middle; starting anew",
                          NoRangesWarning, stacklevel=3)  # fmt: skip
            self._forget()
            return self.run()
        except _BROKEN:
            raise
        except WczError as e:
            self._forget()
            if resumed:
                raise ResumeError(f"the rest of {self._remote.url} does not fit what came before: {e.rule}") from e
            raise
        if digest is None and resumed:  # nothing says that both parts are of one file
            self._forget()
            return self.run()
        self._part.replace(self._path)
        return _Verified(resumed, digest is not None)

    def _survey(self) -> None:
        """Take the whole chunks of an earlier part as they are, and cut off what follows them."""
        with self._part.open("r+b") as part:
            try:
                self._note(read_preamble(part))
                while True:
                    chunk = read_chunk(part, self.kept, self._limits)
                    if chunk.kind == layout.END:
                        break  # cheap to fetch again, and its check is at its arrival
                    self._note(*chunk.raw)
            except WczError:
                pass
            part.truncate(self.kept)

    def _forget(self) -> None:
        self._part.unlink(missing_ok=True)
        self.kept, self._sha, self._index = 0, sha256(), []

    def _note(self, *pieces: bytes | memoryview) -> None:
        for piece in pieces:
            self._sha.update(piece)
        self.kept += sum(map(len, pieces))

    def _transfer(self) -> bytes | None:
        """Everything behind `kept`; the digest that the file carries."""
        with closing(self._remote.open_forward(self.kept)) as file, self._part.open("ab") as part:
            source: IO[bytes] = file  # type: ignore[assignment]
            if not self.kept:
                self._keep(part, read_preamble(source))
            while True:
                chunk = read_chunk(source, self.kept, self._limits)
                if chunk.kind == layout.END:
                    return self._finish(source, part, chunk)
                self._keep(part, *chunk.raw)

    def _keep(self, part: IO[bytes], *pieces: bytes | memoryview) -> None:
        for piece in pieces:
            part.write(piece)
        part.flush()
        self._note(*pieces)
        self._progress(self.kept)

    def _finish(self, source: IO[bytes], part: IO[bytes], chunk: Chunk) -> bytes | None:
        table = parse_end(chunk.body, chunk.nbytes, self._limits)
        if table.digest is not None and table.digest != self._sha.digest():
            raise DigestError("SHA-256 of the file disagrees with the digest at its end")
        expect_nothing_more(source)
        for piece in chunk.raw:
            part.write(piece)
        part.flush()
        os.fsync(part.fileno())
        return table.digest
