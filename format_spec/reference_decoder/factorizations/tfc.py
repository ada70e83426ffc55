"""tfc: what TensorFlow Compression has quantized."""

from __future__ import annotations

import math

import numpy as np

from ..errors import FACTORIZATION, require
from ..records import Record
from .kind import Kind


def shapes_tfc(r: Record) -> tuple:
    require(r.layout in (0, 1), FACTORIZATION, "a layout of tfc")
    if not r.layout:
        return {"symbols": r.shape, "steps": ()}, {}, {"symbols"}
    require(len(r.shape) == 4 and all(1 <= n <= 16 for n in r.shape[:2]), FACTORIZATION, "a tfc kernel")
    bins = (r.shape[0], r.shape[1] // 2 + 1, 2)
    return {"symbols": (*r.shape[2:], *bins), "steps": bins}, {}, {"symbols"}


def rebuild_tfc(r: Record, symbols: np.ndarray, steps: np.ndarray) -> np.ndarray:
    values = symbols.astype(steps.dtype) * steps
    if not r.layout:
        return values
    height, width = r.shape[:2]
    weight = np.zeros(r.shape, values.dtype)
    for y, x, f, g in np.ndindex(height, width, height, width // 2 + 1):
        angle = 2 * math.pi * (f * y / height + g * x / width)
        c = (2 if 0 < 2 * g < width else 1) / math.sqrt(height * width)
        weight[y, x] += np.float32(c * math.cos(angle)) * values[:, :, f, g, 0]
        weight[y, x] += np.float32(-c * math.sin(angle)) * values[:, :, f, g, 1]
    return weight


KINDS = {
    29: Kind("layout=0", shapes_tfc, rebuild_tfc),
}
