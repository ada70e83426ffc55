"""What the documents say exists, exists."""

import inspect
import re
import shlex
from pathlib import Path

import pytest

import wcodec

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "format_spec").glob("*.md")]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
IN_CODE = r"(?:^    |`)"  # an indented block or an inline span


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_make_command_is_a_target(page: Path) -> None:
    named = set(re.findall(rf"{IN_CODE}make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
    assert named <= TARGETS


def test_readme_shows_the_two_commands() -> None:
    assert {"demo", "test"} <= set(re.findall(r"^    make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test", "check", "test-edge", "test-floor", "bench-coders", "vectors", "fuzz", "clean"} <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_wcz_command_line_is_one(page: Path) -> None:
    group = pytest.importorskip("wcodec.cli.group", reason="needs the extra cli")
    for line in re.findall(r"^    (wcz [^#\n]+)", page.read_text(), re.MULTILINE):
        _, verb, *words = shlex.split(line)
        command = group.wcz.commands[verb]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def public_names() -> list[str]:
    return list(wcodec.__all__)


@pytest.mark.parametrize("name", public_names())
def test_public_names_are_documented(name: str) -> None:
    if name == "train":
        pytest.importorskip("keras", reason="needs the extra tensorflow")
    value = getattr(wcodec, name)
    assert inspect.getdoc(value), f"wcodec.{name} has no docstring"
    assert f"`wcodec.{name}" in (ROOT / "docs" / "api.md").read_text(), f"docs/api.md does not mention wcodec.{name}"
    if inspect.isclass(value):
        methods = [m for key, m in vars(value).items() if not key.startswith("_") and inspect.isroutine(m)]
        assert not [m for m in methods if not inspect.getdoc(m)]


def test_names_that_readme_uses_exist() -> None:
    used = set(re.findall(r"\bwcodec\.([a-z_]+)\b", (ROOT / "README.md").read_text()))
    assert used <= {*wcodec.__all__}
