"""The example on Flower itself: one SuperLink and two SuperNodes as processes on this machine."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "tools" / "bench" / "flower_loopback.py"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("flwr") is None, reason="needs Flower: make test-flower")
def test_the_example_runs_on_flower_with_few_bytes(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH), "--nodes", "2", "--rounds", "2", "--logs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["ratio_without_first_model"] > 50
    assert found["plain_bytes"] > 2 * 2 * 2 * 320_000
    assert found["accuracy"] > 30


def test_the_example_needs_two_lines() -> None:
    """What a Flower user pastes is in the README; the example's apps have it."""
    apps = ROOT / "examples" / "flower_mnist" / "flower_mnist"
    assert "ClientApp(mods=[" in (apps / "client_app.py").read_text()
    assert "WczGrid(grid" in (apps / "server_app.py").read_text()
    notes = (ROOT / "docs" / "notes" / "federated.md").read_text()
    assert "app = ClientApp(mods=[wcz_mod])" in notes
    assert "grid=WczGrid(grid)" in notes
