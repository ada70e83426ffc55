"""What every folder of tests may use: the reference decoder, which is no part of the package."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# The same examples in every run, on machines of any speed.
settings.register_profile("wcodec", deadline=None, derandomize=True)
settings.load_profile("wcodec")


@pytest.fixture(scope="session")
def reference_decoder():
    spec = importlib.util.spec_from_file_location("reference_decoder", ROOT / "format_spec" / "reference_decoder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
