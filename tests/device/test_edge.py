"""examples/edge_c: an autoencoder in C, read through 512 bytes at a time, gives what numpy's runtime gives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARM = ["--compiler", "arm-linux-gnueabihf-gcc -Os -mthumb -static", "--run", "qemu-arm"]


def run(*arguments):
    """Coder -> (bytes of the file, of its coder, at most, largest relative difference)."""
    pytest.importorskip("keras", reason="needs the extra tensorflow")
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, ROOT / "examples" / "edge_c" / "run.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+)  (\S+)$", done.stdout, re.MULTILINE)
    return {row[0]: (*map(int, row[1:4]), float(row[4])) for row in rows}


def check(rows):
    assert set(rows) == {"elias_gamma", "rice", "context", "mixing", "small", "rans"}
    assert all(difference < 1e-5 for *_, difference in rows.values())
    assert rows["elias_gamma"][1] == 0
    assert rows["mixing"][1] <= 64 * 1024 + 16 * 640


def test_digits():
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    check(run())


@pytest.mark.slow
def test_the_autoencoder_of_mlperf_tiny_on_arm():
    model = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data")) / "native" / "ad01.h5"
    if not model.is_file():
        pytest.skip(f"no real data at {model} (set WCODEC_DATA)")
    if not shutil.which("arm-linux-gnueabihf-gcc") or not shutil.which("qemu-arm"):
        pytest.skip("needs arm-linux-gnueabihf-gcc and qemu-arm")
    check(run(str(model), *ARM))
