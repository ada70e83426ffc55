"""The rows that cannot be trained here run: a few steps on noise, end to end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")

LARGE = Path(__file__).parents[2] / "tools" / "reproduce" / "large.py"


@pytest.mark.parametrize(
    "row", ["vgg16", *(pytest.param(row, marks=pytest.mark.exhaustive) for row in ("resnet20_4", "resnet18"))]
)
def test_a_few_steps(row):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, str(LARGE), row, "--smoke"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    *epochs, last = done.stdout.splitlines()
    assert len(epochs) == 2
    assert last.startswith(f"{row}: ")
    assert "(EPR: " in last
