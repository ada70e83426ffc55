"""raw (section 2)."""

from __future__ import annotations

import math

import numpy as np

from ..conventions import Bytes
from ..elements import DTYPES
from ..errors import PAYLOAD, require


def decode(payload: bytes, specs: list) -> list[np.ndarray]:
    source, arrays = Bytes(payload, PAYLOAD), []
    for shape, dtype in specs:
        little = DTYPES[dtype].newbyteorder("<")
        data = source.take(math.prod(shape) * little.itemsize)
        arrays.append(np.frombuffer(data, little).astype(DTYPES[dtype]).reshape(shape))
    require(not source.left(), PAYLOAD, "bytes follow the last array")
    return arrays
