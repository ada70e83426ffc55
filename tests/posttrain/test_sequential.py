"""The twin pass does nothing twice: moments of one tensor serve all that take it, a shifted bias needs no product."""

import numpy as np
import pytest

import wcodec
from wcodec.posttrain import sequential
from wcodec.posttrain.networks import open_network
from wcodec.posttrain.networks.protocol import Inputs


@pytest.fixture
def attention(torch):
    """Query, key and value of one input, and a layer behind them that has another."""
    nn = torch.nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.into = nn.Linear(12, 16)
            self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 8), nn.Linear(16, 16)
            self.out = nn.Linear(16, 6)

        def forward(self, x):
            x = torch.relu(self.into(x))
            similar = torch.softmax(self.query(x) @ x.transpose(1, 2) + self.key(x).sum(-1, keepdim=True), dim=-1)
            return self.out(similar @ self.value(x))

    return Attention()


@pytest.fixture
def sequences():
    return np.random.default_rng(0).normal(size=(96, 5, 12)).astype(np.float32).cumsum(axis=1)


def test_query_key_and_value_share_the_factor_of_one_input(attention, sequences, monkeypatch):
    factored, met = sequential.factored, []
    monkeypatch.setattr(sequential, "factored", lambda h: met.append(len(h)) or factored(h))
    shared = wcodec.encode(attention, calibration=sequences, bits_per_weight=6.0)
    passes = 1 + sum(p.quantizer == "sequential" for p in shared.curve)  # and one that measures the vectors
    assert met == [12, 16, 16] * passes  # into, the three, out

    met.clear()
    monkeypatch.setattr(sequential._Measured, "serves", lambda *_, **__: False)
    assert wcodec.encode(attention, calibration=sequences, bits_per_weight=6.0).data == shared.data
    assert met == [12, 16, 16, 16, 16] * passes


def check_shifted(network, inputs):
    """Adding to the result is what adding to the layer's own additive vector would do; counts the layers."""
    seen = []

    def visit(call):
        result, layer = call.output({}), call.layer
        if layer.additive is None or not layer.linear:
            return result
        before = vectors[layer.tensors[layer.additive]]
        moved = np.linspace(-1, 1, len(before), dtype=np.float32)
        again = network.to_numpy(call.output({layer.additive: before + moved}))
        np.testing.assert_allclose(network.to_numpy(call.shifted(result, moved)), again, atol=1e-5)
        seen.append(layer.name)
        return result

    vectors = {t.name: t.value for t in wcodec.frontends.find_frontend(network._model).tensors(network._model)}
    network.run(inputs, visit)
    return len(seen)


def test_shifted_torch_results(convnet, images):
    assert check_shifted(open_network(convnet), Inputs((images,))) == 5  # the first convolution has no bias


def test_shifted_keras_results(keras, images):
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((8, 8, 3)),
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(5, activation="relu"),
        layers.Dense(3),
    ])  # fmt: skip
    x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    assert check_shifted(open_network(model), Inputs((x,))) == 3  # one has an activation
