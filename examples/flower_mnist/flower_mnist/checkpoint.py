"""The server's own model on disk, after every round: what a run that was killed goes on from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

import wcodec


class Checkpoint(NamedTuple):
    """A model, and the rounds that made it."""

    rounds: int
    weights: dict[str, np.ndarray]


def save(path: str, checkpoint: Checkpoint) -> None:
    """Bit for bit, with a digest; the file before stays until this one is whole on disk."""
    metadata = {"rounds": str(checkpoint.rounds)}
    wcodec.encode(checkpoint.weights, path, lossless=True, digest=True, metadata=metadata)


def load(path: str) -> Checkpoint | None:
    """None where there is no such file; a damaged one raises WczError."""
    if not path or not Path(path).exists():
        return None
    with wcodec.safe_open(path) as file:
        return Checkpoint(int(file.metadata()["rounds"]), {name: file.get_tensor(name) for name in file})
