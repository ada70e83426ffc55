"""examples/edge_c: an autoencoder in C, read through 512 bytes at a time, gives what numpy's runtime gives."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARM = ["--compiler", "arm-linux-gnueabihf-gcc -Os -mthumb -static", "--run", "qemu-arm"]


@pytest.fixture
def run(capsys):
    """Arguments of examples/edge_c/run.py -> coder -> (bytes of the file, of its coder, at most, largest difference).

    In this process: importing Keras takes longer than all else.
    """
    pytest.importorskip("keras", reason="needs the extra tensorflow")
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    spec = importlib.util.spec_from_file_location("edge_run", ROOT / "examples" / "edge_c" / "run.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    def rows(*arguments: str) -> dict[str, tuple[int, int, int, float]]:
        example.main(list(arguments))
        found = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+)  (\S+)$", capsys.readouterr().out, re.MULTILINE)
        return {row[0]: (*map(int, row[1:4]), float(row[4])) for row in found}

    return rows


def check(rows):
    assert set(rows) == {"elias_gamma", "rice", "context", "mixing", "small", "rans"}
    assert all(difference < 1e-5 for *_, difference in rows.values())
    assert rows["elias_gamma"][1] == 0
    assert rows["mixing"][1] <= 64 * 1024 + 16 * 640


def test_digits(run):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    check(run())


@pytest.mark.slow
def test_the_autoencoder_of_mlperf_tiny_on_arm(run):
    model = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data")) / "native" / "ad01.h5"
    if not model.is_file():
        pytest.skip(f"no real data at {model} (set WCODEC_DATA)")
    if not shutil.which("arm-linux-gnueabihf-gcc") or not shutil.which("qemu-arm"):
        pytest.skip("needs arm-linux-gnueabihf-gcc and qemu-arm")
    check(run(str(model), *ARM))
