"""The example on Flower itself: one SuperLink and two SuperNodes as processes on this machine, some of them killed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "tools" / "bench" / "flower_loopback.py"
on_flower = pytest.mark.skipif(importlib.util.find_spec("flwr") is None, reason="needs Flower: make test-flower")


def run(tmp_path: Path, *options: str) -> list[str]:
    """What the bench printed."""
    command = [sys.executable, str(BENCH), "--nodes", "2", "--logs", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()


@on_flower
@pytest.mark.slow
def test_the_example_runs_on_flower_with_few_bytes(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "--rounds", "2")[-1])
    assert found["ratio_without_first_model"] > 50
    assert found["plain_bytes"] > 2 * 2 * 2 * 320_000
    assert found["accuracy"] > 30


@on_flower
@pytest.mark.slow
def test_after_a_killed_superlink_the_model_is_whole_and_a_run_goes_on_from_it(tmp_path: Path) -> None:
    """SuperLink and server app die by SIGKILL between two rounds; the SuperNodes wait for the next SuperLink."""
    lines = run(tmp_path, "--rounds", "4", "--kill", "link", "--timeout", "400")
    assert lines[0].startswith("killed superlink after round ")
    rounds = int(lines[0].split()[-1])
    assert rounds in (2, 3)
    assert lines[1].startswith("the run ended with code 1; ")
    assert "Connection to the SuperLink is unavailable" in lines[1]
    assert lines[2].startswith(f"whole by digest: round {rounds}, model ")
    found = json.loads(lines[-1])
    assert found["resumed_after"] == rounds
    assert found["rounds_saved"] == 4
    assert found["errors"] == 0
    assert found["frames"] == [2] + [0] * (3 - rounds)  # a run of its own: its clients begin with a whole model
    assert found["accuracies"][-1] > 50
    assert len(found["digest"]) == 64


@on_flower
@pytest.mark.slow
def test_a_killed_supernode_costs_its_replies_and_the_run_goes_on(tmp_path: Path) -> None:
    lines = run(tmp_path, "--rounds", "5", "--kill", "node", "--timeout", "400")
    assert lines[0].startswith("killed node1 after round ")
    found = json.loads(lines[-1])
    assert found["rounds_saved"] == 5
    assert found["resumed_after"] == 0
    assert sum(found["frames"]) >= 3  # the two at the start, and the one that was started again
    assert found["accuracies"][-1] > 50


def test_the_example_needs_two_lines() -> None:
    """What a Flower user pastes is in the README; the example's apps have it."""
    apps = ROOT / "examples" / "flower_mnist" / "flower_mnist"
    assert "ClientApp(mods=[" in (apps / "client_app.py").read_text()
    assert "WczGrid(grid" in (apps / "server_app.py").read_text()
    notes = (ROOT / "docs" / "notes" / "federated.md").read_text()
    assert "app = ClientApp(mods=[wcz_mod])" in notes
    assert "grid=WczGrid(grid)" in notes
