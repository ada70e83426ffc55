"""What every folder of tests may use: the reference decoder, which is no part of the package; Keras where it trains."""

import importlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# The same examples in every run, on machines of any speed.
settings.register_profile("wcodec", deadline=None, derandomize=True)
settings.load_profile("wcodec")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TRAINING = ("train", "recipe")  # folders that need Keras and one of its backends, and are skipped by name without


def pytest_collection_modifyitems(items):
    training = [item for item in items if item.path.parent.name in TRAINING]
    if training:
        try:
            import keras  # noqa: F401
        except ImportError as error:
            for item in training:
                item.add_marker(pytest.mark.skip(reason=f"training needs Keras: {error}"))


@pytest.fixture(autouse=True)
def _seeded(request):
    if request.path.parent.name in TRAINING:
        import keras

        keras.utils.set_random_seed(20261121)


@pytest.fixture(scope="session")
def reference_decoder():
    """The package format_spec/reference_decoder, from where it lies."""
    sys.path.insert(0, str(ROOT / "format_spec"))
    try:
        return importlib.import_module("reference_decoder")
    finally:
        sys.path.remove(str(ROOT / "format_spec"))


@pytest.fixture(scope="session")
def running_server(tmp_path_factory):
    """A server on loopback with every manner of `tests.loopback`, the same one for the whole session."""
    for needed in ("fsspec", "aiohttp", "uvicorn", "starlette"):
        pytest.importorskip(needed, reason="needs the extra remote, and a server to test against")
    from tests.loopback import serving

    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def server(running_server):
    """The running server, its log empty."""
    running_server.log.clear()
    running_server.taken.clear()
    return running_server


# Every built-in kind at small sizes: one that does not divide, one of a kernel. test_factorization_contract says so.
# Not tfc, which fits nothing: it holds what another library has quantized.
EXAMPLES = {
    "dense": [((5, 7), ())],
    "rdft": [((3, 3, 4, 5), ())],
    "low_rank": [((5, 7), (3,)), ((3, 2, 4, 5), (4, 2))],
    "kmeans": [((5, 7), (4,))],
    "sparse": [((5, 7), (12,))],
    "dictionary": [((9, 7), (6, 2)), ((3, 2, 4, 5), (3, 2, 1))],
    "tensor_train": [((9, 7), ((3, 3), (2, 4), (4,))), ((3, 2, 4, 5), ((3, 2, 4), (2, 1, 3), (2, 3)))],
    "tensor_ring": [((9, 7), ((3, 3), (2, 4), (2, 3))), ((3, 2, 4, 5), ((3, 2, 4), (2, 1, 3), (2, 3, 2)))],
    "hierarchical_tucker": [
        ((9, 7), ((3, 3), (2, 4), (4, 5))),
        ((3, 2, 4, 5), ((3, 2, 4), (2, 1, 3), (2, 3, 3, 2))),
    ],
    "tucker2": [((5, 7), (3, 2)), ((4, 5, 3, 2), (3, 2, (0, 1)))],
    "cp": [((5, 7), (3,)), ((3, 2, 4, 5), (9,))],
    "product_quantization": [((5, 7), (4, 3)), ((3, 2, 4, 5), (3, 2, 2))],
    "sparse_kmeans": [((5, 7), (12, 4))],
    "simhash": [((5, 7), (40, 3))],
    "random_projection": [((5, 7), (3, 9)), ((3, 2, 4, 5), (4, 0, 2))],
    "block_diagonal": [((5, 7), (2,)), ((3, 2, 4, 5), (3,))],
    "input_output": [((5, 7), (2, 1, 3, 2)), ((3, 2, 4, 5), (5, 3))],
    "mixed_block": [((5, 7), (2, 2, 3)), ((3, 2, 4, 5), (3, 4, 2))],
    "t_product": [((3, 3, 4, 5), (2,)), ((3, 2, 4), (1,))],
    "t_linear": [((5, 7), (3,)), ((3, 2, 4, 5), (2,))],
    "tent": [((30, 4), (5, 6))],
    "pool": [((30, 4), (5, 6))],
    "dct": [((30, 4), (5, 6))],
    "block": [((5, 7), ((4, 6),))],
    "block_sparse": [((5, 7), (2, 3, 4)), ((3, 2, 4, 5), (2, 3, 9, 2))],
}
NEEDS_TO_FIT = {"product_quantization": "sklearn"}  # packages beyond numpy


def pytest_generate_tests(metafunc):
    if "any_kind" in metafunc.fixturenames:
        cases = [(kind, *case) for kind, listed in EXAMPLES.items() for case in listed]
        ids = [f"{kind}-{len(shape)}d" for kind, shape, _ in cases]
        metafunc.parametrize("any_kind", cases, indirect=True, ids=ids)


@pytest.fixture
def any_kind(request):
    """An example of every kind in turn; skipped where its fit needs a package that is not there."""
    from wcodec.factorizations import FACTORIZATIONS

    kind, shape, params = request.param
    if kind in NEEDS_TO_FIT:
        pytest.importorskip(NEEDS_TO_FIT[kind], reason=f"fitting {kind} needs the extra factor")
    return FACTORIZATIONS[kind](shape, *params)
