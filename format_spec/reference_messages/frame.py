"""Frames (messages.md, section 4)."""

from __future__ import annotations

import numpy as np
from reference_decoder.errors import RefusedError, require
from reference_decoder.file import LIMITS, read_file

from .errors import MESSAGE
from .model import Model
from .schema import BUFFER, EXACT, WEIGHT, Tensor


def read_frame(data: bytes) -> Model:
    file = read_file(data, LIMITS, None)
    names = list(file.names)
    try:
        version = int(file.metadata["version"])
        places = [int(place) for place in file.metadata.get("buffers", "").split()]
        buffers = [names[place] for place in places]
    except (KeyError, ValueError, IndexError):
        raise RefusedError(MESSAGE, "a file without the metadata of a frame") from None
    require(0 <= version < 1 << 32, MESSAGE, "the version of a frame")
    tensors = []
    for name in names:
        array = file.tensors[name]
        is_float = array.dtype.kind not in "biu"
        t = Tensor(name, array.dtype, array.shape, (BUFFER if name in buffers else WEIGHT) if is_float else EXACT)
        if is_float and t.size:
            numbers = array.astype(np.float64).ravel()
            t.unit = max(-40, int(np.frexp(np.abs(numbers).max())[1]) - 48)
            t.values = [int(v) for v in np.rint(np.ldexp(numbers, -t.unit))]
        else:
            t.values = [int(v) for v in array.ravel()]
        tensors.append(t)
    return Model(version, tensors)
