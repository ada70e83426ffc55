"""The layers of docs/architecture.md, held to the imports in the source."""

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "wcodec"
EDGE_SET = {*sys.stdlib_module_names, "numpy", "msgpack", "ml_dtypes"}
NATIVE = {"backend", "_native"}  # called "native" in the table
LAST_EDGE_LAYER = 3


class Row(NamedTuple):
    """One row of the table: a layer's parts (files or packages of wcodec) and what they may import."""

    layer: int
    parts: frozenset[str]
    may_import: str


def read_table() -> list[Row]:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d) \| ([^|]+) \| ([^|]+) \|", text, re.MULTILINE)
    return [Row(int(n), frozenset(p.removesuffix("/*") for p in parts.split(", ")), may) for n, parts, may in rows]


ROWS = read_table()


def part_of(path: Path) -> str:
    """The file or package directly below wcodec that holds a source file."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def allowed_parts(row: Row) -> set[str]:
    allowed: set[str] = set()
    for word in row.may_import.strip().split(", "):
        if word == "all":
            allowed |= (
                {part for other in ROWS for part in other.parts} | NATIVE | {""}
            )  # "": wcodec itself, the public names
        elif word == "one another":
            allowed |= row.parts
        elif word == "native":
            allowed |= NATIVE
        elif re.fullmatch(r"\d(-\d)?", word):
            layers = range(int(word[0]), int(word[-1]) + 1)
            allowed |= {part for other in ROWS if other.layer in layers for part in other.parts}
        else:
            allowed.add(word)
    return allowed


def imports(path: Path) -> tuple[set[str], set[str]]:
    """Parts of wcodec, and top-level packages outside it, that a file imports anywhere in it."""
    inside: set[str] = set()
    outside: set[str] = set()
    home = ["wcodec", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in found:
            package, _, rest = name.partition(".")
            if package == "wcodec":
                inside.add(rest.partition(".")[0])
            else:
                outside.add(package)
    return inside, outside


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


def test_the_table_was_read() -> None:
    layers = [row.layer for row in ROWS]
    assert layers == sorted(layers)
    assert set(layers) == set(range(8))
    (container,) = (row for row in ROWS if "container" in row.parts)
    assert allowed_parts(container) >= {"errors", "records"}
    assert "coders" not in allowed_parts(container)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_table(path: Path) -> None:
    part = part_of(path)
    inside, outside = imports(path)
    if part in NATIVE:
        assert inside <= {"_native", "coders"}
        assert outside <= EDGE_SET
        return
    rows = [row for row in ROWS if part in row.parts]
    assert len(rows) == 1, f"{part} stands in {len(rows)} rows of docs/architecture.md"
    forbidden = inside - allowed_parts(rows[0]) - {part}
    assert not forbidden, f"layer {rows[0].layer} may import {rows[0].may_import.strip()}; this imports {forbidden}"
    if rows[0].layer <= LAST_EDGE_LAYER:
        # A row may name packages of its own (fitting): what decodes does not load such a part, test_edge_imports shows.
        named = set(rows[0].may_import.strip().split(", "))
        assert outside <= EDGE_SET | named, f"below the edge line: {outside - EDGE_SET - named}"
