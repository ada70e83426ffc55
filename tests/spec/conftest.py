"""The specification's own programs, loaded from where they lie: none of them is part of the package."""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "format_spec" / "vectors"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def check_spec():
    return load(ROOT / "tools" / "check_spec.py")


@pytest.fixture(scope="session")
def make_vectors():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return load(ROOT / "tools" / "make_vectors.py")
    finally:
        sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="session")
def reference_messages():
    """The package format_spec/reference_messages, which imports the one beside it."""
    sys.path.insert(0, str(ROOT / "format_spec"))
    try:
        return importlib.import_module("reference_messages")
    finally:
        sys.path.remove(str(ROOT / "format_spec"))


def pytest_generate_tests(metafunc):
    if "valid_vector" in metafunc.fixturenames:
        paths = sorted((VECTORS / "valid").glob("*.wcz"))
        metafunc.parametrize("valid_vector", paths, ids=[path.stem for path in paths])
    if "delta_vector" in metafunc.fixturenames:
        paths = sorted((VECTORS / "delta").glob("*.wcz"))
        metafunc.parametrize("delta_vector", paths, ids=[path.stem for path in paths])
    if "invalid_vector" in metafunc.fixturenames:
        table = json.loads((VECTORS / "invalid" / "errors.json").read_text())
        cases = [(VECTORS / "invalid" / f"{name}.wcz", row["error"]) for name, row in table.items()]
        metafunc.parametrize("invalid_vector", cases, ids=list(table))
