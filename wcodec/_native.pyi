"""The kernel's functions. `wcodec.coders.reference` holds the same ones in plain Python.

Symbols are contiguous int32 arrays (n,); `out` is filled in place. PayloadError for a payload that holds something
else, SymbolError for a symbol that has no code, ValueError for a parameter outside its range.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

def run_length_encode(values: NDArray[np.int32], run_code: int, magnitude_code: int, non_zero_runs: bool) -> bytes: ...
def run_length_decode(
    payload: bytes | memoryview, run_code: int, magnitude_code: int, non_zero_runs: bool, out: NDArray[np.int32]
) -> int: ...
def context_encode(values: NDArray[np.int32], views: Sequence[tuple[int, int, int, int, int]]) -> bytes: ...
def context_decode(
    payload: bytes | memoryview, views: Sequence[tuple[int, int, int, int, int]], out: NDArray[np.int32]
) -> None: ...
def plane_encode(elements: NDArray[np.uint8], width: int, fold: int) -> bytes: ...
def plane_decode(
    payload: bytes | memoryview, width: int, fold: int, out: NDArray[np.uint8], path: str = "fastest"
) -> int: ...
def context_cost(
    values: NDArray[np.int32], views: Sequence[tuple[int, int, int, int, int]], costs: NDArray[np.uint32] | None = None
) -> int: ...
def mixing_encode(values: NDArray[np.int32], views: Sequence[tuple[int, int, int, int]]) -> bytes: ...
def mixing_decode(
    payload: bytes | memoryview, views: Sequence[tuple[int, int, int, int]], out: NDArray[np.int32]
) -> None: ...
def mixing_cost(
    values: NDArray[np.int32], views: Sequence[tuple[int, int, int, int]], costs: NDArray[np.uint32] | None = None
) -> int: ...
def mixing_most_symbols(size: int) -> int: ...

class RansDecoder:
    """A payload of `rans`, read array by array; shapes are (rows, channels, kernel, line)."""

    def __init__(self, payload: bytes | memoryview, path: str = "fastest") -> None: ...
    def read_symbols(
        self, shape: tuple[int, int, int, int], out: NDArray[np.int8] | NDArray[np.int16] | NDArray[np.int32]
    ) -> None: ...
    def read_scaled(
        self, shape: tuple[int, int, int, int], steps: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None: ...
    def close(self) -> None: ...

class RansBands:
    """A matrix cut into bands of rows, a lane a band: near columns (c,), exponents of rows (r,) and columns (c,)."""

    def __init__(
        self,
        near_a: NDArray[np.int32],
        near_b: NDArray[np.int32],
        row_scale: NDArray[np.int32],
        column_scale: NDArray[np.int32],
        lanes: int,
    ) -> None: ...

def adaptive_encode(models: NDArray[np.uint8], values: NDArray[np.int32]) -> bytes: ...
def rans_pack(values: NDArray[np.int32], lanes: int, symbols: NDArray[np.int8]) -> None: ...
def rans_count(symbols: NDArray[np.int8], bands: RansBands, counts: NDArray[np.uint32]) -> None: ...
def rans_weigh(
    counts: NDArray[np.uint32], merged: NDArray[np.uint8], tables: NDArray[np.uint32]
) -> tuple[int, int]: ...
def rans_encode(symbols: NDArray[np.int8], bands: RansBands, frequencies: NDArray[np.uint16]) -> bytes: ...
def rans_smooth(costs: NDArray[np.int32], moves: NDArray[np.int32], path: NDArray[np.uint8]) -> None: ...

TEMPORAL_WORDS: int

# activity of each weight, sign of its last symbol, means of the rows, of the columns, of the tensors
TemporalMemory = tuple[NDArray[np.uint16], NDArray[np.int8], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]

def temporal_start(model: NDArray[np.uint32]) -> None: ...
def temporal_encode(
    symbols: NDArray[np.int32],
    layout: Sequence[tuple[int, int, int]],
    broadcast: TemporalMemory | None,
    own: TemporalMemory | None,
    model: NDArray[np.uint32],
) -> bytes: ...
def temporal_decode(
    payload: bytes | memoryview,
    layout: Sequence[tuple[int, int, int]],
    broadcast: TemporalMemory | None,
    own: TemporalMemory | None,
    model: NDArray[np.uint32],
    out: NDArray[np.int32],
) -> None: ...
def temporal_remember(
    symbols: NDArray[np.int32], layout: Sequence[tuple[int, int, int]], memory: TemporalMemory
) -> None: ...
