"""A frame: the whole model that a federation starts from, as a `.wcz` file (format_spec/messages.md, frames)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..chunks.encoder import ChunkItem, store
from ..delta import Content, write_model
from ..errors import MessageError
from ..factorizations import Dense, FactoredWeight
from ..quantize import MAX_SYMBOL, step_code_at_most, step_values
from .lattice import Model
from .schema import Role, Schema

VERSION, BUFFERS = "version", "buffers"
VECTOR_PRECISION = 16  # steps of vectors are so much finer: they are few


def write_frame(schema: Schema, version: int, arrays: Mapping[str, np.ndarray], fraction: float) -> bytes:
    """A frame of a model.

    Args:
        schema: of the model.
        version: that it starts.
        arrays: of the model.
        fraction: step of a matrix or kernel in root mean squares of it; 0 stores every element exactly.
    """
    content = Content(metadata={VERSION: str(version)})
    buffers = [str(i) for i, t in enumerate(schema.tensors) if t.role is Role.BUFFER]
    if buffers:
        content.metadata[BUFFERS] = " ".join(buffers)
    for spec in schema.tensors:
        array = np.ascontiguousarray(arrays[spec.name]).reshape(spec.shape)
        codes = _codes(array, fraction) if spec.role is Role.WEIGHT and fraction and spec.size else {}
        weight = FactoredWeight(Dense(spec.shape), {"weight": array}, codes, spec.dtype)
        content.tensors[spec.name] = store(ChunkItem(spec.name, weight, spec.dtype, "as_is"))
    return write_model(content).data or b""


def read_frame(content: Content) -> Model:
    """The model that a frame starts.

    Raises:
        MessageError: a `.wcz` file that is no frame.
    """
    arrays = content.weights()
    names = list(arrays)
    try:
        version = int(content.metadata[VERSION])
        buffers = [names[int(place)] for place in content.metadata.get(BUFFERS, "").split()]
    except (KeyError, ValueError, IndexError) as e:
        raise MessageError("a .wcz file without the metadata of a frame") from e
    if not 0 <= version < 2**32:
        raise MessageError(f"version {version} of a frame")
    schema = Schema.of(arrays, [glob_escaped(name) for name in buffers])
    return Model.from_arrays(schema, version, arrays)


def glob_escaped(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _codes(array: np.ndarray, fraction: float) -> dict[str, np.ndarray]:
    """The step code of a weight tensor; none where it is all zeros or its range suits no step."""
    values = array.astype(np.float64)
    size = float(np.sqrt(np.mean(np.square(values))))
    code = step_code_at_most(size * (fraction if array.ndim >= 2 else fraction / VECTOR_PRECISION))
    if not 0 < float(np.abs(values).max()) < MAX_SYMBOL * float(step_values(code)):
        return {}
    return {"weight": np.asarray(code)}
