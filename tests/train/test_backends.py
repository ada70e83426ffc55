"""The operator, pruning, layers of factors, factors under EPR and clustering on JAX and torch, each in a process."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "backend_program.py"
LINES = 22


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_training_on_another_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(PROGRAM.parents[2])}
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    first, *told = done.stdout.splitlines()
    assert first == f"backend: {backend}"
    assert [line for line in told if not line.endswith(": True")] == []
    assert len(told) == LINES
