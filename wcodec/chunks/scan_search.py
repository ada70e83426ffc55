"""Which axis order codes an array smallest: the encoder's choice of a scan.

The front end's own order, (out, in, kernel...), is best for most arrays. One-dimensional convolutions may gain a few
per cent where the kernel comes first, matrices up to a per cent where they are transposed.
"""

from __future__ import annotations

import math

import numpy as np

from ..coders import Coder
from ..scans import SCANS, to_scan

BLOCK_ELEMENTS = 1 << 18  # a larger array is judged by a block of this size
FIRST_ELEMENTS = 1 << 12  # of a first look, which drops scans that cost a hundredth more than the natural one
LEAST_BITS = 24  # what another scan must save: its number may cost the record a byte
LEAST_SHARE = 0.003  # and of what the block takes, where there is only a block to judge by


def cheapest_scan(symbols: np.ndarray, natural: str, coder: Coder) -> str:
    """The scan under which a coder takes the fewest bits.

    Args:
        symbols: integers of any shape, axes as the tensor has them.
        natural: the scan that is kept unless another one is clearly cheaper.
        coder: whose costs count.

    Returns:
        A name of `SCANS`. Deterministic; the time is that of coding `BLOCK_ELEMENTS` elements four times at most, and
        as a rule of a few thousand.
    """
    if sum(extent > 1 for extent in symbols.shape) < 2 or not symbols.any():
        return natural
    candidates = _different(symbols.shape, natural)
    if symbols.size > FIRST_ELEMENTS:
        first = _costs(_block(symbols, natural, FIRST_ELEMENTS), candidates, coder)
        candidates = [scan for scan in candidates if first[scan] <= 1.01 * first[natural]]
    if len(candidates) == 1:
        return natural
    block = _block(symbols, natural, BLOCK_ELEMENTS)
    costs = _costs(block, candidates, coder)
    best = min(costs, key=lambda scan: costs[scan])
    least = LEAST_BITS if block.size == symbols.size else max(LEAST_BITS, LEAST_SHARE * costs[natural])
    return best if costs[natural] - costs[best] > least else natural


def _costs(block: np.ndarray, scans: list[str], coder: Coder) -> dict[str, float]:
    """Bits of a block under each scan."""
    return {scan: coder.cost([to_scan(block, scan)]) for scan in scans}


def _block(symbols: np.ndarray, natural: str, elements: int) -> np.ndarray:
    """The middle of the outer two axes, so that about `elements` remain."""
    shrink = math.sqrt(elements / max(symbols.size, 1))
    cut = [slice(None)] * symbols.ndim
    for axis in SCANS[natural][1](symbols.ndim)[:2] if shrink < 1 else ():
        extent = symbols.shape[axis]
        kept = max(round(extent * shrink), 1)
        cut[axis] = slice((extent - kept) // 2, (extent - kept) // 2 + kept)
    return symbols[tuple(cut)]


def _different(shape: tuple[int, ...], natural: str) -> list[str]:
    """The scans that differ for an array of this shape, the natural one first."""
    by_order: dict[tuple[int, ...], str] = {}
    for scan in (natural, *SCANS):
        order = tuple(axis for axis in SCANS[scan][1](len(shape)) if shape[axis] > 1)
        by_order.setdefault(order, scan)
    return list(by_order.values())
