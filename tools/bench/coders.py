"""Every coder on real tensors beside its peers: bytes, per cent, million weights a second both ways.

    make bench-coders PEERS=PYTHON        PYTHON has nncodec, constriction, zstandard, zipnn, or some of them

Integers: each tensor is a payload of its own. "one payload" is all tensors of the file in one, as small tensors of a
model are stored; "file" is the whole `.wcz` of the file's integers as `encode` writes it. Per cent are of NNCodec's
DeepCABAC on the same integers (coder_peers.py says how it and the others are run). `elias_gamma` writes the bits of
TensorFlow Compression's run-length gamma code (tests hold it to that), so that its size is TFC's too.
Floats: bit for bit, per cent of the original bytes, MB/s, with ZipNN.

CPU seconds, one thread, the least of several runs; ours and the peers' take turns, in two processes.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

import wcodec
from wcodec import backend
from wcodec.coders import CODERS, ArraySpec
from wcodec.frontends import find_frontend

HERE = Path(__file__).parent
DATA = Path(os.environ.get("WCODEC_DATA", HERE.parents[1].parent / "shared" / "data"))
SHOWN = ("elias_gamma", "rice", "context", "rans", "mixing")
MODELS = ("resnet20", "resnet56", "rwkv_tiny_5v2-730K_fp32", "rwkv_tiny_5v2-730K_fp16")
ROUNDED = {"float32": (np.float32, ml_dtypes.bfloat16, np.float16), "float16": (np.float16,)}
BAR = [f"{net}_z{zeros}" for net in ("resnet20", "resnet56", "lenet300100") for zeros in (30, 60, 90)]


class Run(NamedTuple):
    """One codec on one input: bytes and the least CPU seconds."""

    nbytes: int
    encode: float
    decode: float

    def least(self, other: "Run") -> "Run":
        return Run(min(self.nbytes, other.nbytes), min(self.encode, other.encode), min(self.decode, other.decode))


class Peers:
    """The process that runs other codecs; none where there is no Python for it."""

    def __init__(self, python: str | None) -> None:
        command = [python, HERE / "coder_peers.py"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes) if python else None

    def ask(self, *request: str) -> dict[str, Run]:
        if self._process is None:
            return {}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the peers stopped: see above")
        return {name: Run(*result) for name, result in json.loads(line).items()}

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


@contextmanager
def peers_of(python: str | None) -> Iterator[Peers]:
    peers = Peers(python)
    try:
        yield peers
    finally:
        peers.close()


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = work(*arguments)
    return result, time.process_time() - start


def coded(name: str, groups: list[list[np.ndarray]]) -> Run:
    """One payload for each group of arrays; stops where an element does not come back."""
    coder = CODERS[name]
    specs = [[ArraySpec(array.shape, array.dtype) for array in group] for group in groups]
    payloads, encoding = timed(lambda: [coder.encode(group) for group in groups])
    decoded, decoding = timed(lambda: [coder.decode(p, spec) for p, spec in zip(payloads, specs, strict=True)])
    pairs = [pair for a, b in zip(groups, decoded, strict=True) for pair in zip(a, b, strict=True)]
    if not all(a.tobytes() == b.tobytes() for a, b in pairs):
        sys.exit(f"{name}: not every element came back")
    return Run(sum(map(len, payloads)), encoding, decoding)


def file_of(tensors: dict[str, np.ndarray], coder: str) -> Run:
    report, encoding = timed(lambda: wcodec.encode(tensors, coder=coder))
    decoded, decoding = timed(wcodec.decode, report.data)
    if not all((decoded[name] == tensor).all() for name, tensor in tensors.items()):
        sys.exit("file: not every integer came back")
    return Run(report.nbytes, encoding, decoding)


def integers(path: Path, peers: Peers) -> tuple[dict[str, Run], int]:
    """One run of each codec, and the number of weights."""
    with np.load(path) as archive:
        tensors = {key: np.ascontiguousarray(archive[key], np.int32) for key in archive.files}
    alone = [[tensor] for tensor in tensors.values()]
    rows = peers.ask(str(path))
    rows |= {name: coded(name, alone) for name in SHOWN}
    rows["mixing, one payload"] = coded("mixing", [list(tensors.values())])
    rows |= {f"file, {coder}": file_of(tensors, coder) for coder in ("small", "fast")}
    return rows, sum(tensor.size for tensor in tensors.values())


def floats(array: np.ndarray, peers: Peers, folder: Path) -> dict[str, Run]:
    np.save(folder / "floats.npy", np.frombuffer(array.tobytes(), np.uint8))
    rows = peers.ask(str(folder / "floats.npy"), array.dtype.name)
    return rows | {"float_planes": coded("float_planes", [[array]])}


def repeated(measure: Callable[[], dict[str, Run]], runs: int) -> dict[str, Run]:
    rows = measure()
    for _ in range(runs - 1):
        again = measure()
        rows = {name: run.least(again[name]) for name, run in rows.items()}
    return rows


def show(rows: dict[str, Run], count: int, whole: int | None, unit: str) -> None:
    for name, run in rows.items():
        percent = f"{100 * run.nbytes / whole:.2f} %" if whole else ""
        speeds = "".join(f"{count / max(seconds, 1e-9) / 1e6:10.1f}" for seconds in (run.encode, run.decode))
        print(f"  {name:<22}{run.nbytes:>10,}{percent:>10}{speeds}  {unit}", flush=True)


def model_arrays(path: Path) -> list[np.ndarray]:
    """All float tensors of a model as one array, in its own dtype and rounded to narrower ones."""
    tensors = [t.value for t in find_frontend(path).tensors(path)]
    whole = np.concatenate([t.reshape(-1) for t in tensors if t.dtype.name in ROUNDED])
    return [whole.astype(dtype) for dtype in ROUNDED[whole.dtype.name]]


def show_integers(paths: list[Path], peers: Peers, runs: int) -> None:
    totals: dict[str, int] = {}
    for path in paths:
        print(path.stem)
        weights = 0

        def once() -> dict[str, Run]:
            nonlocal weights
            rows, weights = integers(path, peers)  # noqa: B023
            return rows

        rows = repeated(once, runs)
        peer = rows.get("DeepCABAC")
        show(rows, weights, peer and peer.nbytes, "M weights/s")
        if path.stem in BAR:
            totals = {name: totals.get(name, 0) + run.nbytes for name, run in rows.items()}
    if "DeepCABAC" in totals:
        print("resnet20, resnet56, lenet300100 at z30, z60, z90 together, per cent of DeepCABAC:")
        print("  " + ", ".join(f"{n} {100 * size / totals['DeepCABAC']:.2f}" for n, size in totals.items()))


def show_floats(paths: list[Path], peers: Peers, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            for array in model_arrays(path):
                print(f"{path.stem}, {array.dtype.name}")
                show(repeated(lambda: floats(array, peers, Path(folder)), runs), array.nbytes, array.nbytes, "MB/s")  # noqa: B023


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", nargs="*", type=Path, help=".npz of integers, .safetensors of floats; default: the data"
    )
    parser.add_argument("--peers", metavar="PYTHON", help="a Python with other codecs, to compare with")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    paths = arguments.files or [
        *sorted((DATA / "ints").glob("*.npz")),
        *(path for name in MODELS if (path := DATA / "models" / f"{name}.safetensors").is_file()),
    ]
    if not paths:
        sys.exit(f"no files given, and none in {DATA} (WCODEC_DATA)")
    versions = (
        f"Python {platform.python_version()}, numpy {np.__version__}, wcodec {importlib.metadata.version('wcodec')}"
    )
    print(f"{platform.machine()}, {versions}, {backend.NAME} kernel; bytes, size, encoding, decoding")
    with peers_of(arguments.peers) as peers:
        show_integers([path for path in paths if path.suffix == ".npz"], peers, arguments.runs)
        show_floats([path for path in paths if path.suffix != ".npz"], peers, arguments.runs)


if __name__ == "__main__":
    main()
