"""The native inner loop of wcodec.posttrain; `wcodec.posttrain.reference` holds the same in numpy.

SymbolError for a symbol beyond int32, ValueError for shapes that do not fit one another.
"""

import numpy as np
from numpy.typing import NDArray

def round_with_feedback(
    weights: NDArray[np.float64], feedback: NDArray[np.float64], steps: NDArray[np.float64], out: NDArray[np.int32]
) -> None: ...
def search_with_feedback(
    weights: NDArray[np.float64],
    feedback: NDArray[np.float64],
    steps: NDArray[np.float64],
    column_weights: NDArray[np.float64],
    rate: float,
    bits: NDArray[np.float64],
    paths: int,
    out: NDArray[np.int32],
) -> None: ...
