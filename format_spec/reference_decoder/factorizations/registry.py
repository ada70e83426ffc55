"""All kinds by number."""

from __future__ import annotations

import numpy as np

from ..elements import DTYPES
from ..records import DENSE, Record
from . import block, blocks, generated, masks_and_indices, matrices, tensor_networks, tfc, transforms
from .kind import Kind

FAMILIES = (matrices, transforms, masks_and_indices, tensor_networks, generated, blocks, block, tfc)
KINDS: dict[int, Kind] = {number: kind for family in FAMILIES for number, kind in family.KINDS.items()}


def rebuild(record: Record) -> np.ndarray:
    """The tensor from its factors."""
    values = {f.name: f.values if record.kind == DENSE else widened(f.values) for f in record.factors}
    with np.errstate(all="ignore"):
        weight = KINDS[record.kind].weight(record, **values)
        if hasattr(record, "row_axes"):
            weight = weight[: record.m, : record.n]
        return weight.reshape(record.shape).astype(DTYPES[record.dtype])


def widened(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    return values if values.dtype == np.float64 else values.astype(np.float32)
