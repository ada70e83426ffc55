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


@dataclass(frozen=True)
class Site:
    """One weight of a layer that is quantized with error feedback.

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
        """float64 (groups, rows, n) of a weight in its framework's layout."""
        scanned = to_scan(weight, self.scan).astype(np.float64)
        n = math.prod(scanned.shape[self.output_axes :])
        return scanned.reshape(self.groups, scanned.size // (self.groups * n), n)

    def from_matrices(self, matrices: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Inverse of `to_matrices` for a weight of `shape`; dtype kept."""
        return from_scan(matrices.reshape(scanned_shape(shape, self.scan)), self.scan)


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
