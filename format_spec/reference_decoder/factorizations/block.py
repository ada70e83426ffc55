"""block: zeros around a smaller weight of another kind."""

from __future__ import annotations

import math

import numpy as np

from ..errors import FACTORIZATION, require
from ..records import Record
from . import matrices, transforms
from .kind import Kind, factors_of
from .transforms import DCT, POOL, RDFT, TENT

INNER = {0: matrices.KINDS[0], **{kind: transforms.KINDS[kind] for kind in (RDFT, TENT, POOL, DCT)}}


def shapes_block(r: Record) -> tuple:
    """Those of the block, a record of its own; notes the extents that the zeros fill."""
    places = r.kept[: max(0, len(r.kept) - len(r.shape))]
    require(len(r.kept) >= len(r.shape) >= 1, FACTORIZATION, "a block of too few axes")
    require(all(k >= 0 for k in r.kept) and math.prod(places) > 0, FACTORIZATION, "a block extent")
    require(r.shape[0] % math.prod(places) == 0, FACTORIZATION, "places of a block")
    r.view = (*places, r.shape[0] // math.prod(places), *r.shape[1:])
    require(all(k <= n for k, n in zip(r.kept, r.view, strict=True)), FACTORIZATION, "a block beyond its weight")
    require(r.inner and r.inner[0] in INNER, FACTORIZATION, "the inner kind of a block")
    r.block = Record()
    r.block.dtype, r.block.shape, r.block.kind, r.block.params = r.dtype, r.kept, r.inner[0], list(r.inner[1:])
    return factors_of(r.block, INNER)


def rebuild_block(r: Record, **values: np.ndarray) -> np.ndarray:
    block = INNER[r.block.kind].weight(r.block, **values).reshape(r.block.shape)
    return np.pad(block, [(0, n - k) for k, n in zip(block.shape, r.view, strict=True)])


KINDS = {
    28: Kind("kept inner=(0,)", shapes_block, rebuild_block),
}
