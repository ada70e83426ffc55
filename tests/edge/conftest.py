"""Real data where it is at hand, and the two kernels."""

import os
from pathlib import Path
from types import ModuleType

import pytest

import wcodec._native
import wcodec.coders.reference

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data beside the project; a test that needs it is skipped without."""
    folder = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (WCODEC_DATA)")
    return folder


@pytest.fixture(params=["native", "reference"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    """Each kernel in turn: what holds for one holds for the other."""
    return wcodec._native if request.param == "native" else wcodec.coders.reference
