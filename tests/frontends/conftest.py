"""Real data stay outside the project; a framework that is not installed skips its tests by name."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real models and images."""
    folder = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set WCODEC_DATA)")
    return folder


@pytest.fixture(scope="session")
def images(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """1,000 CIFAR-10 test images (1000, 32, 32, 3), uint8, and their classes."""
    with np.load(data / "cifar10_25k.npz") as archive:
        return archive["x_test"], archive["y_test"]


@pytest.fixture
def keras():
    keras = pytest.importorskip("keras", reason="needs Keras")
    keras.utils.set_random_seed(20261122)
    return keras


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="needs torch")


def every_dtype() -> dict[str, np.ndarray]:
    """One tensor of each dtype of the format, awkward values included; scalars and empty ones."""
    import ml_dtypes

    floats = [0.0, -0.0, 1.5, -2.0, np.inf, np.nan]
    tensors = {
        np.dtype(t).name: np.array(floats, t).reshape(2, 3)
        for t in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2)
    }
    tensors["float8_e4m3fn"] = np.array([0.0, -0.0, 1.5, -2.0, 448.0, np.nan], ml_dtypes.float8_e4m3fn)
    for t in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
        tensors[np.dtype(t).name] = np.array([np.iinfo(t).min, 0, 1, np.iinfo(t).max], t)
    tensors["bool"] = np.array([[True], [False]])
    tensors["scalar"] = np.array(2.5, np.float32)
    tensors["empty"] = np.zeros((0, 3), np.float16)
    return tensors


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    return every_dtype()
