"""Size-error curves as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .measuring import Point, frontier

if TYPE_CHECKING:
    from .suggestion import Row


def plot_rows(rows: Sequence[Row], path: Any) -> None:
    """One panel a tensor: bytes in the file against relative error, the frontier of each kind a line."""
    from matplotlib.figure import Figure  # extra: plot

    across = min(3, max(1, len(rows)))
    figure = Figure(figsize=(5 * across, 4 * math.ceil(len(rows) / across)), layout="constrained")
    for axes, row in zip(figure.subplots(-(-len(rows) // across), across, squeeze=False).flat, rows, strict=False):
        for kind, points in curves(row.points).items():
            axes.plot([p.nbytes for p in points], [p.error for p in points], marker="o", markersize=3, label=kind)
        axes.plot(row.chosen.nbytes, row.chosen.error, "k*", markersize=10)
        axes.set(title=f"{row.name} {row.shape}", xlabel="bytes in the .wcz", ylabel="relative error", xscale="log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path)


def curves(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Kind -> its points that no other of the kind beats, from the smallest up."""
    kinds = dict.fromkeys(point.kind for point in points)
    return {kind: frontier([p for p in points if p.kind == kind]) for kind in kinds}
