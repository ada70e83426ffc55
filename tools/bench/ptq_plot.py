"""Bytes against error, a panel a network, from the JSON lines of ptq.py."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

LABELS = {
    "kl": "KL to the float network, nats",
    "one_less_cosine": "1 - cosine of the embeddings",
    "relative_error": "error of the outputs over their variance",
    "weights": "error of the weights over their energy",
}
COLUMNS = 3
STYLES = {"NNCodec": "C0o-", "NNCodec, dependent": "C0^--", "wcodec": "C3o-", "wcodec, no data": "C1s-"}


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write one picture of all networks."""
    files = [row for row in rows if "nbytes" in row]
    networks = list(dict.fromkeys(row["network"] for row in files))
    lines = math.ceil(len(networks) / COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 3.1 * lines), layout="constrained")
    for number, network in enumerate(networks):
        _panel(figure.add_subplot(lines, COLUMNS, number + 1), [r for r in files if r["network"] == network])
    figure.savefig(path, dpi=90)


def _panel(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    measure = next(m for m in LABELS if m in rows[0])
    for codec in dict.fromkeys(_codec(row) for row in rows):
        points = sorted((row["nbytes"] / 1000, row[measure]) for row in rows if _codec(row) == codec)
        axes.plot(*zip(*points, strict=True), STYLES[codec], markersize=4, label=codec)
    axes.set(title=rows[0]["network"], xlabel="file, KB", ylabel=LABELS[measure], yscale="log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")


def _codec(row: Mapping[str, Any]) -> str:
    if row["codec"] == "nncodec":
        return "NNCodec, dependent" if row["setting"].endswith("dq") else "NNCodec"
    return "wcodec" if row["setting"] == "calibrated" else "wcodec, no data"
