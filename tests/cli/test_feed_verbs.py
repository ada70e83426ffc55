"""wcz publish and wcz pull in one process; tests/feed has the server."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
click_testing = pytest.importorskip("click.testing", reason="needs the extra cli")

import wcodec  # noqa: E402
from wcodec.cli.group import wcz  # noqa: E402


def run(*arguments: str | Path):
    return click_testing.CliRunner().invoke(wcz, [str(a) for a in arguments])


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    kernel = np.random.default_rng(0).integers(-50, 50, (90, 100)).astype(np.int32)
    for number in (1, 2):
        wcodec.save_file(
            {"w": kernel + (np.arange(9000).reshape(90, 100) % 50 == 0) * number}, tmp_path / f"{number}.wcz"
        )
    return [tmp_path / "1.wcz", tmp_path / "2.wcz"]


def test_publish_and_pull(models: list[Path], tmp_path: Path) -> None:
    feed, device = tmp_path / "feed", tmp_path / "device.wcz"
    size = models[0].stat().st_size
    assert run("publish", models[0], feed).stdout == f"{feed}: version 1, {size:,} bytes, no delta\n"
    assert run("publish", models[0], feed).stdout == f"{feed}: version 1 is this very model already\n"
    whole = size + (feed / "manifest").stat().st_size
    assert run("pull", feed, device).stdout == f"{device}: version 1 as a whole model, {whole:,} bytes transferred\n"

    report = json.loads(run("publish", models[1], feed, "--json").stdout)
    assert (report["version"], report["new"]) == (2, True)
    report_of_pull = json.loads(run("pull", feed, device, "--json").stdout)
    assert report_of_pull["deltas"] == 1
    assert report_of_pull["nbytes"] == report["nbytes"]["delta"] + (feed / "manifest").stat().st_size
    assert report_of_pull["digest"] == report["digest"] == wcodec.delta.digest(device).hex()
    assert run("pull", feed, device).stdout.startswith(f"{device}: version 2 was new already, ")


def test_refusals(models: list[Path], tmp_path: Path) -> None:
    done = run("pull", tmp_path / "nothing", tmp_path / "device.wcz")
    assert done.exit_code == 1
    assert done.stderr == f"error: {tmp_path / 'nothing' / 'manifest'} is not there\n"
    (tmp_path / "junk").write_bytes(b"not a model at all")
    done = run("publish", tmp_path / "junk", tmp_path / "feed")
    assert (done.exit_code, done.stderr) == (1, "error: this is not a .wcz file\n")
    assert run("serve", tmp_path / "nothing").exit_code == 2
