"""Every integer coder on real integer tensors: bytes, per cent of a peer, million weights a second both ways.

Each tensor is a payload of its own; "one payload" is all tensors of the file in one, as small tensors of a model are
stored. `--peers PYTHON` names a Python that has nncodec, whose DeepCABAC then runs on the same integers and is the
100 %. CPU seconds, one thread, the least of three runs.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from wcodec import backend
from wcodec.coders import CODERS, ArraySpec, Coder

HERE = Path(__file__).parent
DATA = Path(os.environ.get("WCODEC_DATA", HERE.parents[1].parent / "shared" / "data"))
SHOWN = ("elias_gamma", "rice", "context", "rans")
BAR = [f"{net}_z{zeros}" for net in ("resnet20", "resnet56", "lenet300100") for zeros in (30, 60, 90)]

Result = TypeVar("Result")


class Row(NamedTuple):
    """One coder on one file."""

    coder: str
    nbytes: int
    encode: float  # million weights a second
    decode: float


def least_seconds(run: Callable[[], Result], repeats: int = 3) -> tuple[Result, float]:
    """The result of `run` and its least CPU time."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


def measure(label: str, coder: Coder, groups: list[list[np.ndarray]]) -> Row:
    """One payload for each group of tensors; stops where an integer does not come back."""
    specs = [[ArraySpec(array.shape, array.dtype) for array in group] for group in groups]
    payloads, encode_seconds = least_seconds(lambda: [coder.encode(group) for group in groups])
    decoded, decode_seconds = least_seconds(
        lambda: [coder.decode(payload, spec) for payload, spec in zip(payloads, specs, strict=True)]
    )
    pairs = [pair for a, b in zip(groups, decoded, strict=True) for pair in zip(a, b, strict=True)]
    if not all((a == b).all() for a, b in pairs):
        sys.exit(f"{label}: not every integer came back")
    weights = sum(array.size for group in groups for array in group) / 1e6
    return Row(label, sum(map(len, payloads)), weights / encode_seconds, weights / decode_seconds)


def rows_of(path: Path) -> list[Row]:
    with np.load(path) as archive:
        tensors = [np.ascontiguousarray(archive[key], np.int32) for key in archive.files]
    alone = [[tensor] for tensor in tensors]
    return [
        *(measure(name, CODERS[name], alone) for name in SHOWN),
        measure("context, one payload", CODERS["context"], [tensors]),
    ]


def peer_rows(python: str | None, paths: list[Path]) -> list[Row | None]:
    if python is None:
        return [None] * len(paths)
    run = subprocess.run([python, HERE / "deepcabac.py", *paths], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr)
    return [Row("DeepCABAC", **json.loads(line)) for line in run.stdout.splitlines()]


def show(row: Row, whole: int | None) -> None:
    percent = f"{100 * row.nbytes / whole:7.2f} %" if whole else ""
    print(f"  {row.coder:<22}{row.nbytes:>10,} {percent:>9}  {row.encode:8.1f} {row.decode:8.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help=".npz files of integers (default: all of the data folder)")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python with nncodec, to compare with")
    arguments = parser.parse_args()
    paths = arguments.files or sorted((DATA / "ints").glob("*.npz"))
    if not paths:
        sys.exit(f"no .npz files given, and none in {DATA / 'ints'} (WCODEC_DATA)")
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, {backend.NAME} kernel")
    print(f"  {'coder':<22}{'bytes':>10} {'size':>9}  {'M/s enc':>8} {'M/s dec':>8}")
    totals = {"context": 0, "DeepCABAC": 0}
    for path, peer in zip(paths, peer_rows(arguments.peers, paths), strict=True):
        print(path.stem)
        for row in [*([peer] if peer else []), *rows_of(path)]:
            show(row, peer.nbytes if peer else None)
            if path.stem in BAR and row.coder in totals:
                totals[row.coder] += row.nbytes
    if totals["DeepCABAC"]:
        percent = 100 * totals["context"] / totals["DeepCABAC"]
        print(f"context over resnet20, resnet56, lenet300100 at z30, z60, z90: {percent:.2f} % of DeepCABAC")


if __name__ == "__main__":
    main()
