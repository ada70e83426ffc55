"""Sites: where a layer multiplies its input by a weight matrix, and which columns of the input that matrix meets.

A weight in the axis order of its coder is (outputs, inputs, kernel...). With `groups` it is that many matrices
(rows, n), n = inputs per group * kernel, and the columns of the input are (groups, samples, n): one sample a position
of a convolution or of a sequence. A depthwise convolution has one group a channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..runtime.windows import patches
from ..scans import from_scan, scanned_shape, to_scan

Pick = Callable[[int], np.ndarray]  # number of positions -> those to look at
Columns = Callable[[np.ndarray, Pick], np.ndarray]  # first input of the layer -> (groups, samples, n)


MOST_COLUMNS = 4096  # second moments of more inputs than this (128 MiB of float64) are cut into blocks


@dataclass(frozen=True)
class Site:
    """One weight of a layer that is quantized with error feedback.

    A matrix with more than `MOST_COLUMNS` columns is cut into equal blocks of columns, matrices of their own: errors
    are fed back within each, and moments take n^2 / blocks elements.

    Attributes:
        variable: name of the weight inside its layer.
        scan: axis order of the coder, a name of `wcodec.scans.SCANS`.
        groups: number of independent matrices.
        columns: makes the columns from the layer's first input.
        output_axes: how many axes in the coder's order belong to the outputs.
    """

    variable: str
    scan: str
    groups: int
    columns: Columns
    output_axes: int = 1

    def to_matrices(self, weight: np.ndarray) -> np.ndarray:
        """float64 (groups * blocks, rows, n) of a weight in its framework's layout."""
        scanned = to_scan(weight, self.scan).astype(np.float64)
        n = math.prod(scanned.shape[self.output_axes :])
        matrices = scanned.reshape(self.groups, scanned.size // (self.groups * n), blocks(n), n // blocks(n))
        return matrices.transpose(0, 2, 1, 3).reshape(-1, matrices.shape[1], matrices.shape[3])

    def from_matrices(self, matrices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Inverse of `to_matrices` for a weight of `shape`; dtype kept."""
        blocked = matrices.reshape(self.groups, -1, *matrices.shape[1:]).transpose(0, 2, 1, 3)
        return from_scan(blocked.reshape(scanned_shape(shape, self.scan)), self.scan)

    def columns_of(self, x: np.ndarray, pick: Pick) -> np.ndarray:
        """The columns that the matrices meet, (groups * blocks, samples, n)."""
        columns = self.columns(x, pick)
        groups, samples, n = columns.shape
        count = blocks(n)
        if count == 1:
            return columns
        return columns.reshape(groups, samples, count, -1).transpose(0, 2, 1, 3).reshape(-1, samples, n // count)

    def rows(self, weight: np.ndarray) -> int:
        """Number of outputs."""
        return math.prod(scanned_shape(weight.shape, self.scan)[: self.output_axes])

    def scaled(self, weight: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """float64 weight with the row of each output times its factor (rows,)."""
        scanned = to_scan(weight, self.scan).astype(np.float64)
        rows = scanned.reshape(self.rows(weight), -1) * factors[:, np.newaxis]
        return from_scan(rows.reshape(scanned.shape), self.scan)

    def outputs_of(self, y: np.ndarray, pick: Pick, channel_axis: int) -> np.ndarray:
        """Elements of the layer's output at the positions of `columns_of`, (groups, samples, rows of a group)."""
        moved = np.moveaxis(y, channel_axis, -1)
        positions = moved.reshape(len(y), -1, moved.shape[-1])
        picked = positions[:, pick(positions.shape[1])]
        return np.ascontiguousarray(picked.reshape(-1, self.groups, moved.shape[-1] // self.groups).transpose(1, 0, 2))


def blocks(n: int) -> int:
    """The smallest number of equal blocks of at most `MOST_COLUMNS` that n columns can be cut into."""
    return next(count for count in range(1, n + 1) if n % count == 0 and n // count <= MOST_COLUMNS) if n else 1


def dense_columns(x: np.ndarray, pick: Pick) -> np.ndarray:
    """Rows of the last axis: (batch, position..., n) -> (1, samples, n)."""
    rows = x.reshape(len(x), -1, x.shape[-1])
    return rows[:, pick(rows.shape[1])].reshape(1, -1, x.shape[-1])


@dataclass(frozen=True)
class ConvColumns:
    """Patches of (batch, axis..., channels), or of (batch, channels, axis...) where `channels_first`.

    Attributes:
        kernel, strides, dilation: one integer a spatial axis.
        padding: (spatial shape of the input) -> elements before and after each axis.
        groups: channels are split into this many.
        channels_first: layout of the input.
        pad_mode: of numpy.pad.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Callable[[tuple[int, ...]], Sequence[tuple[int, int]]]
    groups: int = 1
    channels_first: bool = False
    pad_mode: str = "constant"

    def __call__(self, x: np.ndarray, pick: Pick) -> np.ndarray:
        """(groups, samples, channels per group * kernel), columns in the order (channel, kernel...)."""
        x = np.moveaxis(x, 1, -1) if self.channels_first else x
        padded = np.pad(x, [(0, 0), *self.padding(x.shape[1:-1]), (0, 0)], mode=self.pad_mode)  # type: ignore[call-overload]
        rank = len(self.kernel)
        windows = np.moveaxis(patches(padded, self.kernel, self.strides, self.dilation), -1, rank + 1)
        outputs = windows.shape[1 : rank + 1]
        chosen: tuple[Any, ...] = (slice(None), *np.unravel_index(pick(math.prod(outputs)), outputs))
        columns = windows[chosen]  # (batch, positions, channels, kernel...)
        count, each = columns.shape[0] * columns.shape[1], x.shape[-1] // self.groups * math.prod(self.kernel)
        grouped = columns.reshape(count, self.groups, each)
        return np.ascontiguousarray(grouped.transpose(1, 0, 2))
