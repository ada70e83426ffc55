"""Pictures of federated rounds, from the JSON lines that federated.py prints.

    python tools/bench/federated_plot.py ROWS... --folder docs

`federated_rate.png`: bytes of a round against the accuracy lost, a line a wire. `federated_feedback.png`: the same with
error feedback and without, and round by round at the lowest rate of both. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

Row = Mapping[str, Any]
LABELS = {
    "wcz": "wcodec", "nncodec-dq": "NNCodec, dependent", "nncodec": "NNCodec", "topk": "top-k, float16",
    "full": "whole models, `small`", "int8": "int8 + zstd-19",
}  # fmt: skip
FEEDBACK = {"wcz": "with error feedback", "wcz-noef": "without"}
TICKS = (0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200)
WORST = 2.0  # points lost beyond which a wire is of no use


def kind(row: Row) -> str:
    """The wire without its numbers."""
    return str(row["wire"]).partition(":")[0]


def means(rows: Sequence[Row], chosen: Mapping[str, str]) -> dict[str, list[tuple[float, float, Row]]]:
    """Kind -> (KB of a round, points lost, a row) of each wire, both means over the seeds, by rising bytes."""
    plain = {row["seed"]: row["accuracy"] for row in rows if kind(row) == "float32"}
    curves: dict[str, list[tuple[float, float, Row]]] = {}
    for wire in dict.fromkeys(row["wire"] for row in rows):
        mine = [row for row in rows if row["wire"] == wire]
        if kind(mine[0]) in chosen and all(row["seed"] in plain for row in mine):
            nbytes = float(np.mean([row["up"] + row["down"] for row in mine])) / 1000
            lost = float(np.mean([plain[row["seed"]] - row["accuracy"] for row in mine]))
            curves.setdefault(kind(mine[0]), []).append((nbytes, lost, mine[0]))
    return {name: sorted(curves[name], key=lambda point: point[0]) for name in chosen if name in curves}


def draw_curves(axes: Any, rows: Sequence[Row], chosen: Mapping[str, str]) -> None:
    """Bytes of a round against points lost."""
    for name, points in means(rows, chosen).items():
        xs, ys = [x for x, _, _ in points], [min(y, WORST) for _, y, _ in points]
        axes.plot(xs, ys, "o-", markersize=4, label=chosen[name])
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set(xscale="log", xlabel="KB of a round and client, up and down", ylabel="accuracy lost, points")
    axes.set_ylim(top=-0.2, bottom=WORST)
    low, high = axes.get_xlim()
    axes.xaxis.set_minor_formatter("")
    axes.set_xticks([x for x in TICKS if low <= x <= high], labels=[f"{x:g}" for x in TICKS if low <= x <= high])
    axes.grid(visible=True, alpha=0.3, which="both")
    axes.legend()


def draw_rounds(axes: Any, rows: Sequence[Row]) -> None:
    """Accuracy round by round at the lowest rate that both have."""
    curves = means(rows, FEEDBACK)
    for name, label in FEEDBACK.items():
        _, _, row = curves[name][0]
        axes.plot(range(1, len(row["accuracies"]) + 1), row["accuracies"], label=f"{label} ({row['ratio']:.0f}x)")
    plain = next(row for row in rows if kind(row) == "float32")
    axes.plot(
        range(1, len(plain["accuracies"]) + 1), plain["accuracies"], color="black", linewidth=0.8, label="float32"
    )
    axes.set(xlabel="round", ylabel="accuracy, %", ylim=(85, 99))
    axes.grid(visible=True, alpha=0.3)
    axes.legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+", help="what federated.py printed")
    parser.add_argument("--folder", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    lines = [line for path in arguments.rows for line in path.read_text().splitlines()]
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    rate = Figure(figsize=(6, 4), layout="constrained")
    draw_curves(rate.add_subplot(), rows, LABELS)
    rate.savefig(arguments.folder / "federated_rate.png", dpi=110, metadata={"Software": None})
    feedback = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = feedback.subplots(1, 2)
    draw_curves(left, rows, FEEDBACK)
    draw_rounds(right, rows)
    feedback.savefig(arguments.folder / "federated_feedback.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
