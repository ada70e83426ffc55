"""What every folder of tests may use: the reference decoder, which is no part of the package."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def reference_decoder():
    spec = importlib.util.spec_from_file_location("reference_decoder", ROOT / "format_spec" / "reference_decoder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
