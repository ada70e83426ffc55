"""The integers of a rans payload's control string, in order (format_spec/coders.md, rans, 3)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from .. import backend


class Model(IntEnum):
    """Adaptive models of integers. Those before ROW are of integers from 0; the others have a sign.

    FREQUENCY stands for five models, VECTOR and MATRIX for nine each.
    """

    LAYOUT = 0
    VIEW = 1
    NEAR_A = 2
    NEAR_B = 3
    SCALES = 4
    MERGED = 5
    RARE = 6
    ROW = 7
    CHANNEL = 8
    KERNEL = 9
    REST = 10
    LOW = 11
    HIGH = 12
    FREQUENCY = 13
    ESCAPE = 18
    VECTOR = 19
    MATRIX = 28


class Geometry(NamedTuple):
    """How an array lies: rows x (channels x kernel), `line` the last kernel axis."""

    rows: int
    channels: int
    kernel: int
    line: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Geometry:
        """(out, in, kernel...) as it is; ranks 0 and 1 as one row."""
        if len(shape) < 2:
            return cls(1, int(np.prod(shape, dtype=np.int64)), 1, 1)
        kernel = int(np.prod(shape[2:], dtype=np.int64))
        return cls(shape[0], shape[1], kernel, shape[-1] if len(shape) > 2 else 1)

    @property
    def columns(self) -> int:
        """Elements of a row."""
        return self.channels * self.kernel

    @property
    def size(self) -> int:
        """Elements."""
        return self.rows * self.columns


class Control:
    """Collects integers and the models that code them."""

    def __init__(self) -> None:
        self._models: list[np.ndarray] = []
        self._values: list[np.ndarray] = []

    def add(self, model: int | np.ndarray, values: int | Iterable[int] | np.ndarray) -> None:
        """Append integers (n,) under one model, or each under its own."""
        values = np.array(values, np.int32, ndmin=1)
        models = np.empty(values.shape, np.uint8)
        models[...] = model
        self._values.append(values)
        self._models.append(models)

    def tobytes(self) -> bytes:
        """The control string."""
        models = np.concatenate(self._models, dtype=np.uint8)
        return bytes(backend.kernel.adaptive_encode(models, np.concatenate(self._values, dtype=np.int32)))


def add_serial(control: Control, symbols: np.ndarray, rows: int) -> None:
    """Symbols (n,) in full, each under the model of its two predecessors and with its sign relative to theirs."""
    padded = np.concatenate([np.zeros(2, np.int32), symbols])
    second, last = padded[:-2], padded[1:-1]
    flip = np.where(3 * np.sign(last) + np.sign(second) < 0, -1, 1)
    base = Model.VECTOR if rows == 1 else Model.MATRIX
    models = base + 3 * np.minimum(np.abs(last), 2) + np.minimum(np.abs(second), 2)
    control.add(models.astype(np.uint8), symbols * flip)
