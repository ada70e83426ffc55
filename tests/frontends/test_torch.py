"""torch modules and state_dicts."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wcodec.errors import NameMismatchError, UnsupportedTypeError
from wcodec.frontends import FRONTENDS, find_frontend

TORCH = FRONTENDS["torch"]


def state_of(torch, tensors: dict[str, np.ndarray]) -> dict:
    """The same bits as torch tensors."""
    state = {}
    for name, value in tensors.items():
        dtype = getattr(torch, value.dtype.name)
        raw = torch.tensor(np.frombuffer(value.tobytes() or b"\0", np.uint8))[: value.nbytes].clone()
        state[name] = raw.view(dtype).reshape(value.shape) if value.size else torch.zeros(value.shape, dtype=dtype)
    return state


def test_every_dtype_bit_for_bit(torch, tensors: dict[str, np.ndarray]) -> None:
    state = state_of(torch, tensors)
    assert find_frontend(state) is TORCH
    seen = {t.name: t for t in TORCH.tensors(state)}
    assert list(seen) == list(tensors)
    for name, value in tensors.items():
        assert seen[name].value.dtype == value.dtype
        assert seen[name].value.shape == value.shape
        assert seen[name].value.tobytes() == value.tobytes()
        assert seen[name].scan == "as_is"


def test_every_dtype_loads_bit_for_bit(torch, tensors: dict[str, np.ndarray]) -> None:
    state = state_of(torch, {name: np.zeros_like(value) for name, value in tensors.items()})
    for value in tensors.values():
        value.flags.writeable = False
    TORCH.load(state, tensors)
    for t in TORCH.tensors(state):
        assert t.value.tobytes() == tensors[t.name].tobytes()


def test_a_module_gives_its_state_dict_and_takes_it_back(torch) -> None:
    def net():
        return torch.nn.Sequential(
            torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.LazyLinear(4)
        )

    ours, theirs = net(), net()
    x = torch.randn(2, 2, 5, 5)
    ours(x), theirs(x)
    assert find_frontend(ours) is TORCH
    tensors = {t.name: t.value for t in TORCH.tensors(ours)}
    assert {name: (v.shape, v.dtype.name) for name, v in tensors.items()} == {
        "0.weight": ((3, 2, 3, 3), "float32"),
        "0.bias": ((3,), "float32"),
        "1.weight": ((3,), "float32"),
        "1.bias": ((3,), "float32"),
        "1.running_mean": ((3,), "float32"),
        "1.running_var": ((3,), "float32"),
        "1.num_batches_tracked": ((), "int64"),
        "3.weight": ((4, 27), "float32"),
        "3.bias": ((4,), "float32"),
    }
    TORCH.load(theirs, {name: value.copy() for name, value in tensors.items()})
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_layouts_are_made_plain(torch) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    state = {
        "t": base.T,
        "s": base[:, ::2].to(torch.bfloat16)[:, :1],
        "c": base.reshape(1, 2, 3, 1).to(memory_format=torch.channels_last),
    }
    state["n"] = torch._neg_view(torch.tensor([1.0, -2.0]))
    seen = {t.name: t.value for t in TORCH.tensors(state)}
    assert all(v.flags.c_contiguous for v in seen.values())
    assert seen["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert seen["s"].astype("f4").tolist() == [[0], [3]]
    assert seen["n"].tolist() == [-1, 2]


def test_tied_weights_are_two_tensors(torch) -> None:
    weight = torch.ones(2, 2)
    seen = [(t.name, t.value.tolist()) for t in TORCH.tensors({"embed": weight, "head": weight})]
    assert seen == [("embed", [[1, 1], [1, 1]]), ("head", [[1, 1], [1, 1]])]


def test_what_is_no_tensor_of_the_format_is_refused_by_name(torch) -> None:
    bad = {
        "complex": torch.zeros(2, dtype=torch.complex64),
        "sparse": torch.eye(2).to_sparse(),
        "meta": torch.zeros(2, device="meta"),
        "lazy": torch.nn.LazyLinear(3).weight,
        "float8": torch.zeros(2, dtype=torch.float8_e4m3fnuz),
        "text": "text",
    }
    for name, value in bad.items():
        with pytest.raises(UnsupportedTypeError, match=f"^tensor '{name}'"):
            list(TORCH.tensors({"fine": torch.zeros(1), name: value}))


def test_differences_are_listed_and_nothing_is_assigned(torch) -> None:
    layer = torch.nn.Linear(2, 3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with pytest.raises(NameMismatchError) as caught:
        TORCH.load(layer, {"bias": np.ones(3, "f"), "weight": np.ones((2, 3), "f"), "scale": np.ones(1)})
    assert str(caught.value) == (
        "the model and the file differ: 'scale' is in the file, not in the model; "
        "'weight' has shape (3, 2) in the model, (2, 3) in the file"
    )
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_only_tensors_are_assigned_in_place(torch) -> None:
    with pytest.raises(UnsupportedTypeError, match="^tensor 'step': a int cannot be assigned"):
        TORCH.load({"w": torch.zeros(1), "step": 3}, {"w": np.ones(1, "f"), "step": np.array(4)})


def test_a_state_dict_is_torch_only_where_torch_is_loaded(torch) -> None:
    program = """
import sys
sys.modules["torch"] = None
from wcodec.frontends import find_frontend
print(find_frontend({"a": 1}).name)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=root)
    assert done.stdout == "arrays\n"
