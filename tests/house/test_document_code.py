"""What the documents tell to type: scripts that exist with their options, calls that the functions take."""

import ast
import importlib
import inspect
import re
import shlex
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wcodec

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "format_spec").glob("*.md")]
# What `import wcodec` does not reach: adapters of a framework of their own, and what is no public API.
IMPORTED_BY_NAME = ("wcodec.federated", "wcodec.frontends", "wcodec.recipe", "wcodec.posttrain", "wcodec.encoding")
SCRIPTS = [*(ROOT / "tools").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]


def command_lines(path: Path) -> list[list[str]]:
    """Words behind `python` of each command that runs a file of this tree; a script's own stand in its docstring."""
    text = path.read_text()
    if path.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    found = re.findall(r"\bpython ((?:tools|examples)/[^#`\n]+)", text)
    return [shlex.split(re.split(r"\s{2,}|;| && ", line)[0]) for line in found]


def options_known(script: Path) -> set[str]:
    """The long options that a script, or what lies beside it, gives its parser."""
    return {o for path in script.parent.glob("*.py") for o in re.findall(r'"(--[a-z][a-z-]*)"', path.read_text())}


@pytest.mark.parametrize("path", [*PAGES, *SCRIPTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_scripts_are_there_with_their_options(path: Path) -> None:
    for script, *words in command_lines(path):
        assert (ROOT / script).is_file(), script
        wanted = {word.strip("[]") for word in words if word.strip("[").startswith("--")}
        assert wanted <= options_known(ROOT / script), (script, words)


def test_commands_are_found() -> None:
    assert ["tools/reproduce/lenet_300_100.py"] in command_lines(ROOT / "README.md")
    assert ["tools/fuzz/mutate.py", "[--count", "10000]", "[--seed", "0]"] in command_lines(
        ROOT / "tools" / "fuzz" / "mutate.py"
    )


def code_blocks(text: str) -> Iterator[ast.Module]:
    """The indented blocks that are Python."""
    for block in re.findall(r"(?:^    .*\n|^\n)+", text, re.MULTILINE):
        try:
            yield ast.parse(textwrap.dedent(block))
        except SyntaxError:
            continue  # a shell's, or a listing


def public_calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Calls of wcodec.something(...) with their dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and re.fullmatch(r"wcodec(\.\w+)+", name := ast.unparse(node.func)):
            yield name, node


def resolve(name: str) -> Any:
    value: Any = wcodec
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_in_documents_exist(page: Path) -> None:
    for name in sorted(set(re.findall(r"`(wcodec(?:\.[A-Za-z_]\w*)+)", page.read_text()))):
        if name.startswith(IMPORTED_BY_NAME):
            resolve_module(name)
            continue
        if name.startswith("wcodec.train"):
            pytest.importorskip("keras", reason="needs the extra tensorflow")
        resolve(name)


def resolve_module(name: str) -> None:
    """A module that is imported by its own name, and at most one attribute of it; needs its framework."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as e:
        if e.name and not e.name.startswith("wcodec"):
            return  # its framework is not here
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def assert_takes(function: Any, call: ast.Call, name: str) -> None:
    """`function` takes the number of arguments and the keywords of `call`."""
    signature = inspect.signature(function)
    args = [None] * len([a for a in call.args if not (isinstance(a, ast.Constant) and a.value is ...)])
    keywords = {k.arg: None for k in call.keywords if k.arg is not None}
    signature.bind_partial(*args, **keywords) if len(args) < len(call.args) else signature.bind(*args, **keywords)
    catch_all = [p for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
    if catch_all and name == "wcodec.encode":  # typed: Unpack of a TypedDict
        from wcodec.posttrain.options import CalibrationOptions

        known = {*signature.parameters, *typing.get_type_hints(CalibrationOptions)}
        assert keywords.keys() <= known, ast.unparse(call)


DOCUMENTED = [*PAGES, ROOT / "wcodec" / "__init__.py", ROOT / "wcodec" / "train" / "__init__.py"]


@pytest.mark.parametrize("page", DOCUMENTED, ids=lambda p: str(p.relative_to(ROOT)))
def test_calls_in_documents_are_calls_that_functions_take(page: Path) -> None:
    text = page.read_text()
    if page.suffix == ".py":
        text = (ast.get_docstring(ast.parse(text)) or "") + "\n"
    for tree in code_blocks(text):
        for name, call in public_calls(tree):
            if name.startswith("wcodec.train"):
                pytest.importorskip("keras", reason="needs the extra tensorflow")
            assert_takes(resolve(name), call, name)


def test_a_wrong_call_is_found() -> None:
    ((name, call),) = public_calls(ast.parse("wcodec.encode(model, 'x', target_byte=3)"))
    with pytest.raises(AssertionError):
        assert_takes(resolve(name), call, name)
    ((name, call),) = public_calls(ast.parse("wcodec.decode()"))
    with pytest.raises(TypeError):
        assert_takes(resolve(name), call, name)
    assert len([c for tree in code_blocks((ROOT / "README.md").read_text()) for c in public_calls(tree)]) >= 15
