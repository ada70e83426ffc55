"""libwcz under sanitizers: mutated golden files in random pieces for some seconds; libFuzzer where clang has it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VECTORS = sorted((ROOT / "format_spec" / "vectors").rglob("*.wcz"))
CLANG_FIRST = ("clang", "cc", "gcc")  # gcc takes a minute to instrument all of libwcz
TAIL = bytes([1, 6, 9, 0, 0, 9])  # of an input: how the harness cuts the file in pieces


@pytest.fixture
def amalgamation(tmp_path: Path) -> Path:
    """A folder with wcz.c and wcz.h."""
    subprocess.run([sys.executable, ROOT / "tools" / "amalgamate.py", tmp_path], check=True)
    return tmp_path


def test_no_finding(sanitized: Callable[..., Path], find_nothing: Callable[..., None], amalgamation: Path) -> None:
    program = sanitized("libwcz", [amalgamation / "wcz.c"], f"-I{amalgamation}", compilers=CLANG_FIRST)
    find_nothing(program, *VECTORS)


def test_libfuzzer_finds_nothing(libfuzzer_finds_nothing: Callable[..., None], amalgamation: Path) -> None:
    corpus = {path.name: path.read_bytes() + TAIL for path in VECTORS}
    libfuzzer_finds_nothing("libwcz", [amalgamation / "wcz.c"], corpus, f"-I{amalgamation}")
