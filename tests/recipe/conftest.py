"""Training tests need Keras and one of its backends; without them the folder is skipped by name."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import keras
except ImportError as error:
    keras = None
    REASON = f"training needs Keras: {error}"


def pytest_collection_modifyitems(items):
    if keras is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(autouse=True)
def _seeded():
    if keras is not None:
        keras.utils.set_random_seed(20261121)
