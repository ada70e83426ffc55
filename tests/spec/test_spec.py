"""The text of the specification: its tables agree with the code, and the reference decoder stands alone."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wcodec.coders import CODERS
from wcodec.dtypes import DTYPES

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


def imported_packages(path):
    """Top-level packages that a file imports, its own ("." in imports) left out."""
    tree = ast.parse(path.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in imported}


def test_reference_decoder_imports_neither_the_package_nor_more_than_it_says():
    sources = list((SPEC / "reference_decoder").rglob("*.py"))
    assert len(sources) > 20
    imported = set().union(*map(imported_packages, sources))
    assert imported - set(sys.stdlib_module_names) == {"numpy", "ml_dtypes"}


def test_reference_decoder_runs_where_the_package_cannot_be_imported():
    """Its command, with wcodec forbidden; what it really loads, whatever its imports look like."""
    program = (
        "import runpy, sys; sys.modules['wcodec'] = None; sys.argv[1:] = ['vectors/valid/worked_example.wcz'];"
        "runpy.run_module('reference_decoder', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=SPEC, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("dense/kernel: float32 [2, 3]\ndense/bias: float32 [3]\n", "")


def test_reference_decoder_reads_blocks_of_32_lanes(reference_decoder):
    """No vector is large enough for them."""
    values = np.random.default_rng(12).normal(0, 0.05, 65536 + 33_000).astype(np.float16)
    payload = CODERS["float_planes"].encode([values[:5], values[5:]])
    specs = [((5,), DTYPES["float16"]), ((values.size - 5,), DTYPES["float16"])]
    decoded = reference_decoder.coders.float_planes.decode(payload, specs)
    assert np.concatenate(decoded).tobytes() == values.tobytes()
    assert payload[0] == 2
