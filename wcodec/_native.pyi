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
def plane_encode(plane: NDArray[np.uint8]) -> bytes: ...
def plane_decode(payload: bytes | memoryview, out: NDArray[np.uint8]) -> int: ...

# Encoder only; its twin is wcodec.posttrain.reference.
def round_with_feedback(
    weights: NDArray[np.float64], feedback: NDArray[np.float64], steps: NDArray[np.float64], out: NDArray[np.int32]
) -> None: ...
