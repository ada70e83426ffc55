"""Peak memory as the operating system sees it, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wcodec
from wcodec.runtime import Graph, Layer, Runner

from .test_runtime_budget import with_graph

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads resident memory from /proc")

HIGH_WATER = """
import sys
def high_water():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
"""
STREAM = """
import numpy, json
alone = high_water()
import wcodec
largest = 0
for name, array in wcodec.stream(sys.argv[1]):
    largest = max(largest, array.nbytes)
    del array
print(json.dumps([alone, high_water(), largest]))
"""
RUN = """
import numpy, json
x = numpy.ones((8, 2000), numpy.float32)
import wcodec
from wcodec.runtime import Runner
runner = Runner(sys.argv[1], keep_bytes=0)
x[:, :8].T @ x[:, :8]  # what BLAS takes at its first product is not the network's
before = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))
runner.predict(x)
print(json.dumps([before, high_water(), runner.memory_needed(8).nbytes]))
"""


def reported(script: str, path: Path) -> list[int]:
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HIGH_WATER + script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_large_tensor_is_in_memory_once_and_its_payload_hardly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {"embedding": rng.normal(size=(10_000, 800)).astype("f"), "small": np.ones(100, np.float32)}
    report = wcodec.encode(tensors, tmp_path / "m.wcz", coder="elias_gamma")
    assert report.nbytes > 8e6  # the payload alone would not fit into the bound
    alone, peak, largest = reported(STREAM, tmp_path / "m.wcz")
    assert largest == 32_000_000
    assert peak - alone - largest < 8e6, f"{(peak - alone - largest) / 1e6:.1f} MB"


def test_what_running_takes_is_within_what_it_is_said_to_need(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {f"{n}/kernel": rng.normal(scale=0.02, size=(2000, 2000)).astype("f") for n in "abc"}
    layers = tuple(Layer("dense", (n,), {}, {"kernel": n}) for n in range(3))
    data = wcodec.encode(tensors, coder="rans").data
    (tmp_path / "m.wcz").write_bytes(with_graph(data, Graph(((2000,),), layers, (3,))))
    before, peak, need = reported(RUN, tmp_path / "m.wcz")
    assert 16_000_000 < peak - before <= need, f"{(peak - before) / 1e6:.1f} of {need / 1e6:.1f} MB"
    assert need < 3 * 16_000_000  # one kernel of the three, its symbols, its payload
    with Runner(tmp_path / "m.wcz", keep_bytes=0, memory_budget=need) as runner:
        assert runner.memory_needed(8).nbytes == need
