"""The text of the specification: its tables agree with the code, and the reference decoder stands alone."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "format_spec"
CHECKS = [
    "chunk_types", "dtypes", "forms", "scans", "options", "kinds", "coders", "error_numbers", "container", "example",
    "steps", "factorization_limits",
]  # fmt: skip


def test_every_check_is_run(check_spec):
    assert [check.__name__ for check in check_spec.CHECKS] == CHECKS


@pytest.mark.parametrize("name", CHECKS)
def test_the_text_agrees_with_the_code(check_spec, name):
    assert check_spec.differences(getattr(check_spec, name)) == []


def test_a_difference_is_found(check_spec, tmp_path, monkeypatch):
    page = (SPEC / "registry.md").read_text().replace("| 40 | PayloadError", "| 42 | PayloadError")
    (tmp_path / "registry.md").write_text(page)
    monkeypatch.setattr(check_spec, "SPEC", tmp_path)
    assert len(check_spec.differences(check_spec.error_numbers)) == 1


def test_reference_decoder_imports_neither_the_package_nor_more_than_it_says():
    tree = ast.parse((SPEC / "reference_decoder.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) == {"numpy", "ml_dtypes"}


def test_reference_decoder_lists_a_file(reference_decoder, capsys):
    reference_decoder.main(str(SPEC / "vectors" / "valid" / "worked_example.wcz"))
    assert capsys.readouterr().out == "dense/kernel: float32 [2, 3]\ndense/bias: float32 [3]\n"
