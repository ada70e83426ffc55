"""wcz stream, run, fetch and inspect URL: pipes between real processes, and a real server."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
pytest.importorskip("click", reason="needs the extra cli")

import wcodec
from tests.edge.test_runtime_budget import two_layers
from wcodec.runtime import Runner

from .test_verbs import TENSORS, run


@pytest.fixture
def wcz_file(tmp_path: Path) -> Path:
    wcodec.save_file(TENSORS, tmp_path / "model.wcz")
    return tmp_path / "model.wcz"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    (tmp_path / "net.wcz").write_bytes(two_layers())
    return tmp_path / "net.wcz"


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(2).normal(size=(5, 50)).astype("f"))
    return tmp_path / "x.npz"


def test_stream_writes_a_line_a_tensor(wcz_file: Path) -> None:
    done = run("stream", wcz_file)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1] == "conv/bias\tfloat32\t2\t0.125\t0.375"
    rows = [json.loads(line) for line in run("stream", wcz_file, "--json", "--prefetch", 0).stdout.splitlines()]
    assert [row["name"] for row in rows] == list(TENSORS)
    assert rows[2] == {"name": "steps", "dtype": "int64", "shape": [], "mean": 7.0, "std": 0.0}


def test_stream_writes_an_npz_also_to_a_pipe(wcz_file: Path, tmp_path: Path) -> None:
    assert run("stream", wcz_file, tmp_path / "out.npz").exit_code == 0
    piped = run("stream", "-", "-", stdin=wcz_file.read_bytes())
    assert piped.stdout_bytes == (tmp_path / "out.npz").read_bytes()
    with np.load(tmp_path / "out.npz") as archive:
        assert all(np.array_equal(archive[name], value) for name, value in TENSORS.items())


def test_a_stream_between_processes_shows_tensors_as_they_come(wcz_file: Path) -> None:
    data = two_layers()
    command = [sys.executable, "-c", "from wcodec.cli.main import main; main()", "stream", "--timeout", "20"]
    root = Path(wcodec.__file__).parents[1]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root)
    with process, wcodec.safe_open(data) as file:
        first_ends = file._access.locate("b/kernel").offset
        process.stdin.write(data[: first_ends + 10])
        process.stdin.flush()
        line = process.stdout.readline()  # while the second is still under way
        assert line.startswith(b"a/kernel\tfloat32\t50x400")
        process.stdin.write(data[first_ends + 10 : -500])
        process.stdin.close()
        assert process.wait(30) == 1
        assert b"error: tensor 'b/kernel': the source ends" in process.stderr.read()


def test_a_stalled_pipe_is_given_up(wcz_file: Path) -> None:
    read_end, write_end = os.pipe()
    command = [sys.executable, "-c", "from wcodec.cli.main import main; main()", "stream", "--timeout", "0.5"]
    root = Path(wcodec.__file__).parents[1]
    os.write(write_end, wcz_file.read_bytes()[:60])
    done = subprocess.run(command, stdin=read_end, capture_output=True, cwd=root, timeout=60)
    os.close(write_end)
    assert done.returncode == 1
    assert b"the source gave nothing for 0.5 s" in done.stderr


def test_run_writes_outputs_and_classes(network: Path, inputs: Path, tmp_path: Path) -> None:
    expected = Runner(network).predict(np.load(inputs)["x"])
    done = run("run", network, inputs, tmp_path / "y.npz", "--json")
    assert json.loads(done.stdout) == {"samples": 5, "outputs": {"output_0": [5, 300]}}
    np.testing.assert_array_equal(np.load(tmp_path / "y.npz")["output_0"], expected)
    assert run("run", network, inputs).stdout == f"output_0\t{' '.join(map(str, expected.argmax(1)))}\n"
    piped = run("run", "-", inputs, "-", stdin=network.read_bytes())
    np.testing.assert_array_equal(np.load(io.BytesIO(piped.stdout_bytes))["output_0"], expected)


def test_run_refuses_in_a_line(network: Path, inputs: Path, wcz_file: Path, tmp_path: Path) -> None:
    done = run("run", network, inputs, "--memory-budget", "300KB")
    assert done.exit_code == 1
    assert "bytes are needed for 1 samples at a time (most of them in layer 2, dense)" in done.stderr
    assert "holds no layer graph" in run("run", wcz_file, inputs).stderr
    np.savez(tmp_path / "two.npz", a=np.zeros((1, 50)), b=np.zeros((1, 50)))
    assert "takes 1 inputs" in run("run", network, tmp_path / "two.npz").stderr


def test_inspect_of_a_url_reads_header_and_index(server, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = wcodec.encode({f"w{i}": rng.normal(size=(100, 100)).astype("f") for i in range(20)}, digest=True).data
    (server.folder / "m.wcz").write_bytes(data)
    server.log.clear()
    report = json.loads(run("inspect", f"{server.url}/ranges/m.wcz", "--json").stdout)
    assert report["nbytes"] == len(data)
    assert [row["name"] for row in report["tensors"]] == [f"w{i}" for i in range(20)]
    assert all(row["nbytes"] > 8000 and row["shared_by"] == 1 for row in report["tensors"])
    assert server.sent() < 1000  # of some 180,000
    assert "20 tensors" in run("inspect", f"{server.url}/ranges/m.wcz").stdout
    detailed = json.loads(run("inspect", f"{server.url}/ranges/m.wcz", "--details", "--json").stdout)
    assert detailed["tensors"][3]["shape"] == [100, 100]
    done = run("inspect", f"{server.url}/whole/m.wcz")
    assert done.exit_code == 0
    assert "warning: " in done.stderr
    assert "whole files only" in done.stderr


def test_verbs_take_urls_and_fetch_brings_one(server, tmp_path: Path) -> None:
    (server.folder / "n.wcz").write_bytes(two_layers())
    url = f"{server.url}/ranges/n.wcz"
    done = run("fetch", url, tmp_path / "n.wcz", "--json")
    assert json.loads(done.stdout)["nbytes"] == len(two_layers())
    assert (tmp_path / "n.wcz").read_bytes() == two_layers()
    assert "2 tensors" in run("verify", url).stdout
    assert run("decode", url, tmp_path / "out.npz").exit_code == 0
    assert run("stream", url, "--timeout", 5).stdout.count("\n") == 2
    missing = run("fetch", f"{server.url}/ranges/none.wcz", tmp_path / "none.wcz")
    assert missing.exit_code == 1
    assert missing.stderr.startswith("error: http://127.0.0.1")


def test_run_reads_a_url_with_ranges_and_without(server, inputs: Path) -> None:
    (server.folder / "n.wcz").write_bytes(two_layers())
    expected = run("run", f"{server.url}/ranges/n.wcz", inputs)
    assert expected.exit_code == 0
    forward = run("run", f"{server.url}/silent/n.wcz", inputs)
    assert forward.stdout == expected.stdout
    assert "warning: " in forward.stderr
    assert "the server has no ranges" in forward.stderr
