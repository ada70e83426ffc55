"""Real weights, where they are at hand, and the packages that fitting may use."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def data():
    folder = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (WCODEC_DATA)")
    return folder


@pytest.fixture(scope="session")
def kernel(data):
    """layer3.1.conv2 of ResNet-20 in the Keras layout: (3, 3, 64, 64) float64."""
    from wcodec.frontends.safetensors import Safetensors

    tensors = {t.name: t.value for t in Safetensors().tensors(data / "models" / "resnet20.safetensors")}
    return tensors["layer3.1.conv2.weight"].astype(np.float64).transpose(2, 3, 1, 0)


@pytest.fixture(scope="session")
def fc1(data):
    """First layer of LeNet-300-100 in the Keras layout, (784, 300) float64, in the fine steps in which it is kept."""
    return np.load(data / "ints" / "lenet300100_z30.npz")["fc1.weight"].T.astype(np.float64)


def relative_error(factorization, weight):
    rebuilt = factorization.reconstruct(factorization.fit(weight))
    return float(np.linalg.norm(rebuilt - weight) / np.linalg.norm(weight))


@pytest.fixture(scope="session")
def error():
    """(factorization, weight) -> relative Frobenius error."""
    return relative_error
