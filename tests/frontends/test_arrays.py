"""Mappings of arrays, and what the format cannot take."""

from types import MappingProxyType

import numpy as np
import pytest

from wcodec.errors import NameMismatchError, UnsupportedTypeError
from wcodec.frontends import FRONTENDS

ARRAYS = FRONTENDS["arrays"]


def test_every_dtype_comes_through_as_it_is(tensors: dict[str, np.ndarray]) -> None:
    seen = {t.name: t.value for t in ARRAYS.tensors(tensors)}
    assert list(seen) == list(tensors)
    for name, value in tensors.items():
        assert seen[name] is value


def test_layouts_are_made_plain_and_the_callers_are_left_alone() -> None:
    swapped = np.arange(6, dtype=">f4").reshape(2, 3)
    strided = np.arange(12.0)[::-2]
    transposed = np.arange(6, dtype=np.int16).reshape(2, 3).T
    scalar = np.array(7, ">i4")
    seen = [t.value for t in ARRAYS.tensors({"a": swapped, "b": strided, "c": transposed, "d": scalar})]
    for value, original in zip(seen, (swapped, strided, transposed, scalar), strict=True):
        assert value.dtype.isnative
        assert value.flags.c_contiguous
        assert value.shape == original.shape
        assert value.tolist() == original.tolist()
    assert swapped.dtype == ">f4"
    assert strided.strides == (-16,)
    assert swapped.tobytes() == bytes.fromhex("000000003f800000400000004040000040800000 40a00000")


def test_numbers_and_numpy_scalars_are_scalars() -> None:
    model = {"i": 3, "f": 0.5, "b": True, "n": np.float16(2)}
    values = {t.name: t.value for t in ARRAYS.tensors(model)}
    assert {k: (v.dtype.name, v.shape, v.item()) for k, v in values.items()} == {
        "i": ("int64", (), 3),
        "f": ("float64", (), 0.5),
        "b": ("bool", (), True),
        "n": ("float16", (), 2),
    }


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(2, np.complex64),
        np.array(["a"]),
        np.array([None]),
        np.zeros(2, "M8[s]"),
        np.zeros(2, [("x", "f4")]),
        np.zeros(2, np.longdouble),
        np.ma.masked_array([1.0, 2.0], [True, False]),
        [1.0, 2.0],
        "text",
        None,
        1j,
        2**70,
        {"nested": np.zeros(2)},
    ],
    ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', '')}",
)
def test_what_is_no_array_of_the_format_is_refused_by_name(value: object) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"^tensor 'the/one'") as caught:
        list(ARRAYS.tensors({"fine": np.zeros(2), "the/one": value}))
    assert caught.value.tensor == "the/one"


def test_names_are_strings() -> None:
    with pytest.raises(UnsupportedTypeError, match="names are strings, not 3"):
        list(ARRAYS.tensors({3: np.zeros(2)}))


def test_kernels_are_coded_outputs_first() -> None:
    model = {
        "a/kernel": np.zeros((3, 3, 2, 4)),
        "a/kernel:0": np.zeros((2, 4)),
        "a.weight": np.zeros((4, 2)),
        "b/bias": np.zeros(4),
    }
    model |= {
        "d/depthwise_kernel": np.zeros((3, 3, 4, 1)),
        "kernel": np.zeros(3),
        "r/recurrent_kernel": np.zeros((2, 8)),
    }
    assert {t.name: t.scan for t in ARRAYS.tensors(model)} == {
        "a/kernel": "out_first",
        "a/kernel:0": "out_first",
        "a.weight": "as_is",
        "b/bias": "as_is",
        "d/depthwise_kernel": "in_first",
        "kernel": "as_is",
        "r/recurrent_kernel": "out_first",
    }


def test_load_replaces_the_values(tensors: dict[str, np.ndarray]) -> None:
    model = {name: np.zeros_like(value) for name, value in tensors.items()} | {"number": 3.0}
    held = dict(model)
    ARRAYS.load(model, tensors | {"number": np.array(4.0)})
    for name, value in tensors.items():
        assert model[name].dtype == value.dtype
        assert model[name].tobytes() == value.tobytes()
        assert model[name] is not value
        assert not held[name].astype("f8").any()
    assert model["number"] == 4.0


def test_load_lists_every_difference_and_assigns_nothing() -> None:
    model = {"same": np.zeros(2, "f"), "shape": np.zeros(2, "f"), "dtype": np.zeros(2, "e"), "gone": np.zeros(2, "f")}
    before = dict(model)
    new = {"same": np.ones(2, "f"), "shape": np.ones((2, 1), "f"), "dtype": np.full(2, 0.1, "f"), "more": np.ones(2)}
    with pytest.raises(NameMismatchError) as caught:
        ARRAYS.load(model, new)
    assert str(caught.value) == (
        "the model and the file differ: "
        "'gone' is in the model, not in the file; 'more' is in the file, not in the model; "
        "'shape' has shape (2,) in the model, (2, 1) in the file; "
        "'dtype' is float16 in the model, which cannot hold the float32 values of the file"
    )
    assert model == before
    assert all(model[name] is value for name, value in before.items())


@pytest.mark.parametrize(
    ("held", "new", "fits"),
    [
        ("f4", np.array([0.5, -0.0, np.nan, np.inf], "e"), True),
        ("e", np.array([0.5, -0.0, np.nan, np.inf], "f4"), True),
        ("e", np.array([0.1, 0, 0, 0], "f4"), False),
        ("e", np.array([1e6, 0, 0, 0], "f4"), False),
        ("i8", np.array([1, 2, 3, -4], "i4"), True),
        ("u8", np.array([1, 2, 3, -4], "i8"), False),
        ("i1", np.array([1, 2, 3, 300], "i4"), False),
        ("?", np.array([1, 0, 1, 1], "u1"), True),
        ("?", np.array([1, 0, 2, 1], "u1"), False),
        ("f4", np.array([1, 2, 3, 4], "i4"), False),
        ("i4", np.array([1, 2, 3, 4], "f4"), False),
    ],
)
def test_the_models_dtype_wins_where_every_element_survives(held: str, new: np.ndarray, fits: bool) -> None:
    model = {"w": np.zeros(4, held)}
    if fits:
        ARRAYS.load(model, {"w": new})
        assert model["w"].dtype == held
        assert repr(model["w"].astype("f8")) == repr(new.astype("f8"))
    else:
        with pytest.raises(NameMismatchError, match="cannot hold"):
            ARRAYS.load(model, {"w": new})


def test_nothing_is_assigned_to_a_read_only_mapping() -> None:
    with pytest.raises(UnsupportedTypeError, match="nothing can be assigned to a mappingproxy"):
        ARRAYS.load(MappingProxyType({"w": np.zeros(2)}), {"w": np.ones(2)})
