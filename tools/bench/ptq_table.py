"""Markdown tables of the JSON lines of ptq.py, and what NNCodec would need for the same error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ptq_plot import LABELS

Row = Mapping[str, Any]
SHOWN = 8.0  # rows of NNCodec with more than this times the largest error of ours are left out
NAMES = {"kl": "KL", "one_less_cosine": "1 - cosine", "relative_error": "relative error", "weights": "weight error"}


def tables(rows: Sequence[Row]) -> Iterator[str]:
    """The lines of a table a network, by falling error."""
    for network in dict.fromkeys(row["network"] for row in rows):
        files = [row for row in rows if row["network"] == network and "nbytes" in row]
        measure = next((m for m in LABELS if any(m in row for row in files)), None)
        if measure is not None:
            yield from _table(network, files, measure, next(r for r in rows if r["network"] == network))


def _table(network: str, files: Sequence[Row], measure: str, original: Row) -> Iterator[str]:
    more = [m for m in ("agreement", "top1") if m in files[0]]
    yield f"\n{network}" + (f" (float: top-1 {original['top1']:g})" if "top1" in original else "") + "\n"
    names = [
        "codec",
        "bytes",
        "of NNCodec",
        NAMES[measure],
        *(m.replace("top1", "top-1") for m in more),
        "encode s",
        "decode s",
        "peak MB",
    ]
    yield "| " + " | ".join(names) + " |"
    yield "|---" * len(names) + "|"
    ours = [row[measure] for row in files if row["codec"] == "wcodec"]
    peers = [row for row in files if row["codec"] == "nncodec"]
    for row in sorted(files, key=lambda r: -r[measure]):
        if row["codec"] == "nncodec" and row[measure] > SHOWN * max(ours):
            continue
        share = share_of_peer(row, peers, measure) if row["codec"] == "wcodec" else None
        name = f"NNCodec {row['setting']}" if row["codec"] == "nncodec" else "**wcodec**" + _kind(row["setting"])
        cells = [name, f"{row['nbytes']:,}", "" if share is None else f"{100 * share:.1f} %", f"{row[measure]:.3g}"]
        cells += [f"{row[m]:.1f}" for m in more]
        cells += [f"{row['encode_s']:.1f}", f"{row['decode_s']:.3f}", f"{row['peak_mb']:.0f}"]
        yield "| " + " | ".join(cells) + " |"


def _kind(setting: str) -> str:
    return {"calibrated": "", "data_free": ", data-free", "rounding": ", rounding"}[setting]


def share_of_peer(row: Row, peers: Sequence[Row], measure: str) -> float | None:
    """Bytes of a file over those of NNCodec at the same error, by the straight line between its best files.

    The line is in bytes and the logarithm of the error. None beyond its finest and its coarsest file.
    """
    front: list[tuple[float, float]] = []  # (log error, bytes), each smaller than all that are as good
    for peer in sorted((p for p in peers if p[measure] > 0), key=lambda p: p["nbytes"]):
        if not front or math.log(peer[measure]) < front[-1][0]:
            front.append((math.log(peer[measure]), peer["nbytes"]))
    wanted = math.log(row[measure])
    for (coarse, smaller), (fine, larger) in pairwise(front):
        if fine <= wanted <= coarse:
            return float(row["nbytes"] / (smaller + (larger - smaller) * (coarse - wanted) / (coarse - fine)))
    return None
