"""A server on loopback, and a file that it has."""

import numpy as np
import pytest

import wcodec

from .server import Server, serving


@pytest.fixture(scope="session")
def running_server(tmp_path_factory):
    for needed in ("fsspec", "aiohttp", "uvicorn", "starlette"):
        pytest.importorskip(needed, reason="needs the extra remote, and a server to test against")
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def server(running_server) -> Server:
    running_server.log.clear()
    return running_server


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
