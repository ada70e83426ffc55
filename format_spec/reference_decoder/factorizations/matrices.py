"""dense and low_rank."""

from __future__ import annotations

from ..records import Record
from .kind import Kind, between


def shapes_low_rank(r: Record) -> tuple:
    between(r.rank, min(r.m, r.n), "low_rank rank")
    return {"left": (r.m, r.rank), "right": (r.rank, r.n)}, {}, set()


KINDS = {
    0: Kind("", lambda r: ({"weight": r.shape}, {}, set()), lambda r, weight: weight),
    2: Kind("rank row_axes=0", shapes_low_rank, lambda r, left, right: left @ right),
}
