"""A sequential pass that goes on where it was broken off: the matrices that were done, kept in a folder.

Only matrices are kept, for their search is what takes time; everything else of the pass follows from them and is
done again. A folder of a pass is named by what the pass depends on, so nothing stale is ever picked up.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..factorizations import FactoredWeight
from .networks.protocol import Inputs
from .rounding import Tensors, multiple
from .steps import Steps


class Pass(Protocol):
    """The matrices of one pass."""

    def get(self, name: str) -> tuple[FactoredWeight, float] | None:
        """A matrix that was kept, and its noise."""

    def put(self, name: str, weight: FactoredWeight, noise: float) -> None:
        """Keep a matrix."""


class Store(Protocol):
    """Where passes are kept."""

    def of(self, steps: Steps) -> Pass:
        """The pass with these steps."""


class NoCheckpoint:
    """Keeps nothing."""

    def of(self, steps: Steps) -> Pass:
        return self

    def get(self, name: str) -> tuple[FactoredWeight, float] | None:
        return None

    def put(self, name: str, weight: FactoredWeight, noise: float) -> None:
        pass


@dataclass(frozen=True)
class Checkpoint:
    """Keeps passes in a folder.

    Attributes:
        folder: made where it does not exist; what is in it is safe to delete at any time.
        identity: of the model, the calibration data and the options, from `identity_of`.
    """

    folder: Path
    identity: str

    def of(self, steps: Steps) -> Pass:
        scales = ",".join(f"{name}={scale!r}" for name, scale in sorted(steps.scales.items()))
        digest = hashlib.sha256(f"{self.identity} {steps.setting} {scales}".encode()).hexdigest()
        return _KeptPass(self.folder / digest[:32])


@dataclass(frozen=True)
class _KeptPass:
    folder: Path

    def _file(self, name: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.npz"

    def get(self, name: str) -> tuple[FactoredWeight, float] | None:
        try:
            with self._file(name).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return multiple(kept["symbols"], int(kept["code"])), float(kept["noise"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # not there, or cut off in the middle
            return None

    def put(self, name: str, weight: FactoredWeight, noise: float) -> None:
        from ..quantize import to_symbols

        code = int(weight.step_codes["weight"])
        symbols = to_symbols(weight.factors["weight"], code)
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self._file(name).with_suffix(f".{os.getpid()}")
        with partial.open("wb") as file:
            np.savez_compressed(file, symbols=symbols, code=code, noise=noise)
        partial.replace(self._file(name))


def identity_of(tensors: Tensors, inputs: Inputs, options: str) -> str:
    """SHA-256 of everything that a pass depends on beside its steps."""
    digest = hashlib.sha256(options.encode())
    arrays = [*sorted(tensors.items()), *((f"input {i}", a) for i, a in enumerate(inputs.arrays))]
    for name, array in arrays:
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
