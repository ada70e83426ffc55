"""What a person sees: tables and progress where there is a terminal."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")

import wcodec  # noqa: E402

WCZ = [sys.executable, "-c", "from wcodec.cli.main import main; main()"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and cursor movements


def run_on_a_terminal(words: list[str], stream: str) -> str:
    """Everything that `wcz` writes to `stream` where that is a terminal; the other one is a pipe."""
    ours, theirs = pty.openpty()
    other = "stderr" if stream == "stdout" else "stdout"
    with subprocess.Popen(
        [*WCZ, *words],
        **{stream: theirs, other: subprocess.PIPE},
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        seen = b""
        while piece := _read(ours):
            seen += piece
        process.communicate()
    os.close(ours)
    assert process.returncode == 0
    return ESCAPES.sub("", seen.decode())


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_inspect_draws_a_table(tmp_path: Path) -> None:
    kernel = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    wcodec.save_file({"dense/kernel": kernel}, tmp_path / "m.wcz")
    seen = run_on_a_terminal(["inspect", str(tmp_path / "m.wcz")], "stdout")
    assert "┃ name" in seen
    assert "│ dense/kernel │ float32 │ 100x100 │ dense │ float_planes │" in seen


def test_encode_shows_progress(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", first=np.eye(100, dtype=np.float32), second=np.eye(120, dtype=np.float32))
    seen = run_on_a_terminal(["encode", str(tmp_path / "m.npz"), str(tmp_path / "m.wcz")], "stderr")
    assert "encoding" in seen
    assert "2/2 second" in seen


def test_data_is_not_written_to_a_terminal(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.eye(100, dtype=np.float32))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*WCZ, "encode", str(tmp_path / "m.npz"), "-"], stdout=theirs, stderr=subprocess.PIPE, text=True
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert "standard output is a terminal" in done.stderr


def test_a_name_is_drawn_as_it_is(tmp_path: Path) -> None:
    """Square brackets are markup to rich, escapes are orders to a terminal."""
    wcodec.save_file({"a[red]b\x1b[2J": np.ones((9, 9), np.float32)}, tmp_path / "m.wcz")
    seen = run_on_a_terminal(["inspect", str(tmp_path / "m.wcz")], "stdout")
    assert "│ a[red]b\\x1b[2J │ float32 │" in seen
