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


@pytest.fixture
def keras():
    keras = pytest.importorskip("keras", reason="needs Keras")
    keras.utils.set_random_seed(7)
    return keras


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="needs torch")
    torch.manual_seed(7)
    return torch


@pytest.fixture
def images() -> np.ndarray:
    """Correlated inputs (128, 3, 8, 8), as rectified feature maps have them."""
    rng = np.random.default_rng(3)
    smooth = rng.normal(size=(128, 1, 8, 8)).cumsum(axis=2).cumsum(axis=3) / 4
    return (smooth + 0.3 * rng.normal(size=(128, 3, 8, 8))).astype(np.float32)


@pytest.fixture
def convnet(torch):
    """Convolutions (plain, strided, depthwise, dilated, grouped, 1x1), norms and a classifier on (batch, 3, 8, 8)."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=2),
        nn.ReLU(),
        nn.Conv2d(12, 16, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model[1].running_mean.uniform_(-0.5, 0.5)
    model[1].running_var.uniform_(0.5, 2.0)
    return model
