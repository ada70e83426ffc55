"""A file that the server on loopback has."""

import numpy as np
import pytest

import wcodec


def network(layers: int = 12, size: int = 100) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {f"layer{i}/kernel": rng.normal(size=(size, size)).astype("f") for i in range(layers)} | {
        f"layer{i}/bias": rng.normal(size=size).astype("f") for i in range(layers)
    }


@pytest.fixture(scope="session")
def model(running_server) -> bytes:
    """A file with 12 tensor chunks, a group, index and digest; the server has it as model.wcz."""
    data = wcodec.encode(network(), digest=True).data
    (running_server.folder / "model.wcz").write_bytes(data)
    return data
