"""Rules for the tree as a whole."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".toml", ".txt", ".c", ".h", ".cpp", ".cff", ".pyi", ".yml", ".json", ""}
# Written in halves, or this file would find itself.
HOMES = re.compile("|".join(f"/{home}/" for home in ("ro" + "ot", "ho" + "me/[a-z]", "Us" + "ers/[a-z]")))
FORBIDDEN_NAMES = {"utils.py", "common.py", "helpers.py", "misc.py", "base.py", "core.py"}
MAX_LINES = 400


def tree() -> list[Path]:
    """The project's files: what git tracks, or in an unpacked archive what lies in the project's own directories."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    own = ("wcodec", "tests", "tools", "docs", "examples", "format_spec")
    return [p for folder in own for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]


TREE = tree()
SOURCES = [path for path in TREE if path.suffix == ".py"]


def test_the_tree_was_found() -> None:
    assert len(TREE) > 50


def test_no_path_of_a_machine() -> None:
    places = (f"{ROOT}/", f"{ROOT.parent}/") if len(ROOT.parts) > 2 else (f"{ROOT}/",)
    found = [
        str(path.relative_to(ROOT))
        for path in TREE
        if path.suffix in TEXT and path.name != "LICENSE"
        if HOMES.search(text := path.read_text(errors="replace")) or any(place in text for place in places)
    ]
    assert not found


def test_file_names_say_what_is_inside() -> None:
    assert not [str(p.relative_to(ROOT)) for p in TREE if p.name in FORBIDDEN_NAMES]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_files_are_short_and_import_by_name(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert not re.search(r"^\s*from \S+ import \*", text, re.MULTILINE)
