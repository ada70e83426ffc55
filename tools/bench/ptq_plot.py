"""Bytes against error, a picture a network, from the JSON lines of ptq.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

LABELS = {
    "kl": "KL to the float network, nats",
    "one_less_cosine": "1 - cosine of the embeddings",
    "relative_error": "error of the outputs over their variance",
    "weights": "error of the weights over their energy",
}


def draw(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write `ptq_NETWORK.svg` for each network into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for network in dict.fromkeys(row["network"] for row in rows):
        chosen = [row for row in rows if row["network"] == network and "nbytes" in row]
        measure = next((m for m in LABELS if any(m in row for row in chosen)), None)
        if measure is not None:
            _draw(network, [row for row in chosen if row[measure] > 0], measure, folder / f"ptq_{network}.svg")


def _draw(network: str, rows: Sequence[Mapping[str, Any]], measure: str, path: Path) -> None:
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for codec in dict.fromkeys(_codec(row) for row in rows):
        points = sorted((row["nbytes"] / 1000, row[measure]) for row in rows if _codec(row) == codec)
        axes.plot(*zip(*points, strict=True), "o-", markersize=4, label=codec)
    axes.set(title=network, xlabel="file, KB", ylabel=LABELS[measure], yscale="log")
    axes.grid(visible=True, alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def _codec(row: Mapping[str, Any]) -> str:
    if row["codec"] == "nncodec":
        return "NNCodec, dependent" if row["setting"].endswith("dq") else "NNCodec"
    return "wcodec, no data" if row["setting"] == "data_free" else "wcodec, calibrated"
