"""wcodec.load_into: from a file back into models of each kind."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import NameMismatchError, UnsupportedTypeError


def test_into_a_mapping() -> None:
    source = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(3)}
    target = {"a": np.zeros((2, 3)), "b": np.array(0)}
    wcodec.load_into(target, wcodec.encode(source, lossless=True).data)
    assert target["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert target["b"] == 3


def test_into_a_torch_module(torch) -> None:
    ours, theirs = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    wcodec.load_into(theirs, wcodec.encode(ours, lossless=True).data)
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)


def test_into_a_keras_model(keras) -> None:
    def net():
        return keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2, name="d"), keras.layers.BatchNormalization(name="n")]
        )

    ours, theirs = net(), net()
    wcodec.load_into(theirs, wcodec.encode(ours, lossless=True).data)
    assert all((a == b).all() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="other")])
    before = other.get_weights()
    with pytest.raises(NameMismatchError, match="'other/kernel' is in the model, not in the file") as caught:
        wcodec.load_into(other, wcodec.encode(ours).data)
    assert caught.value.code == 63
    assert "'d/kernel' is in the file, not in the model" in str(caught.value)
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))


def test_into_a_path_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match="load_into assigns to a model in memory"):
        wcodec.load_into("model.npz", wcodec.encode({"a": np.zeros(2)}).data)
