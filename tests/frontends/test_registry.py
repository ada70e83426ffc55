"""Who takes what, and that nobody imports a framework to find out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wcodec.errors import UnsupportedTypeError
from wcodec.frontends import FRONTENDS, find_frontend

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"a": np.zeros(2)}, "arrays"),
        ({}, "arrays"),
        ("model.safetensors", "safetensors"),
        (Path("model.npz"), "npz"),
        ("model.keras", "keras_file"),
        (Path("model.h5"), "keras_file"),
        ("model.hdf5", "keras_file"),
        ("model.pt", "torch_file"),
        (Path("model.pth"), "torch_file"),
    ],
)
def test_find_frontend(model: object, name: str) -> None:
    assert find_frontend(model) is FRONTENDS[name]
    assert FRONTENDS[name].name == name


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (
            "model.onnx",
            (
                "^cannot read weights from 'model.onnx': the suffix is none of .keras, .h5, .hdf5, .safetensors, .npz, "
                ".pt, .pth. Load it with what wrote it, then encode the model, or a mapping of names to arrays$"
            ),
        ),
        (Path("model"), "the suffix is none of"),
        (3, "cannot encode a int"),
        (np.zeros(3), "cannot encode a ndarray"),
        (None, "cannot encode a NoneType"),
    ],
)
def test_what_no_front_end_takes(model: object, rule: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=rule):
        find_frontend(model)


def test_finding_a_front_end_imports_no_framework() -> None:
    program = """
import sys
from wcodec.frontends import find_frontend
assert find_frontend({"a": 1.5}).name == "arrays"
assert find_frontend("x.keras").name == "keras_file"
assert find_frontend("x.pt").name == "torch_file"
list(find_frontend({"a": 1.5}).tensors({"a": 1.5}))
loaded = {"keras", "tensorflow", "torch", "jax", "safetensors"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=120)


@pytest.mark.parametrize("name", ["arrays", "torch", "safetensors", "npz", "torch_file"])
def test_weights_alone_make_no_graph(name: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=f"the {name} front end knows weights"):
        FRONTENDS[name].graph({})


@pytest.mark.parametrize("path", ["m.keras", "m.h5", "m.safetensors", Path("m.npz"), "m.pt"])
def test_nothing_is_loaded_into_a_path(path: object) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"assigns to a model in memory, not to the file 'm\."):
        find_frontend(path).load(path, {})
