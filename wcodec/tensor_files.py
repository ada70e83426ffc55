"""save_file, load_file, save, load: the four names that users of safetensors know, exact by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .decoding.decoder import decode
from .encoding.encoder import encode

RATED = {"lossless", "bits_per_weight", "calibration", "data_free"}  # options that say how exact a file is


def save_file(tensors: Mapping[str, Any], path: Any, metadata: Mapping[str, str] | None = None, **options: Any) -> None:
    """Write a mapping of arrays to `path`, bit for bit unless `options` of `wcodec.encode` say otherwise."""
    encode(tensors, path, metadata=metadata, **_exact_unless_rated(options))


def save(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None, **options: Any) -> bytes:
    """The file of `save_file` as bytes."""
    data = encode(tensors, metadata=metadata, **_exact_unless_rated(options)).data
    return data if data is not None else b""


def load_file(path: Any) -> dict[str, np.ndarray]:
    """All tensors of the file at `path`, in model order."""
    return decode(path)


def load(data: bytes) -> dict[str, np.ndarray]:
    """All tensors of a file given as bytes, in model order."""
    return decode(data)


def _exact_unless_rated(options: dict[str, Any]) -> dict[str, Any]:
    return options if options.keys() & RATED else {"lossless": True, **options}
