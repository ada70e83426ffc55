"""Second moments through hooks: they predict the energy of each layer's output, whatever the kind of layer."""

import numpy as np
import pytest

from wcodec.errors import NonFiniteError, OptionError, UnsupportedTypeError
from wcodec.frontends import find_frontend
from wcodec.posttrain import activations
from wcodec.posttrain.activations import Positions, measure
from wcodec.posttrain.networks import open_network
from wcodec.posttrain.networks.protocol import Inputs
from wcodec.posttrain.trace import trace


@pytest.fixture
def every_position(monkeypatch):
    monkeypatch.setattr(activations, "Positions", lambda number: Positions(number, 10**9))


def energies(network, tensors, inputs):
    """Tensor name -> E[(w x)^2] of each output by moments, (outputs,)."""
    sites = {layer.tensors[site.variable]: site for layer in network.layers for site in layer.sites}
    found = {}
    for name, moments in measure(network, inputs).items():
        rows = sites[name].to_matrices(tensors[name])
        found[name] = np.einsum("gri,gij,grj->gr", rows, moments.inputs(centred=False), rows).ravel()
    return found


def outputs_without_bias(network, inputs):
    """Tensor name of each site -> mean square of the layer's output less its bias, (outputs,)."""
    seen = {}

    def visit(call):
        for site in call.layer.sites:
            zero = {}
            if call.layer.additive is not None:
                zero[call.layer.additive] = np.zeros(biases[call.layer.tensors[call.layer.additive]], np.float32)
            y = np.moveaxis(network.to_numpy(call.output(zero)), call.layer.channel_axis, -1)
            name = call.layer.tensors[site.variable]
            seen[name] = np.square(y.astype(np.float64)).reshape(-1, outputs_of(site, name)).mean(axis=0)
        return call.output({})

    def outputs_of(site, name):
        return int(np.prod(site.to_matrices(np.zeros(network.sizes[name])).shape[:2]))

    biases = {t: network.sizes[t] for layer in network.layers for t in layer.tensors.values()}
    network.run(inputs, visit)
    return seen


def check_energies(network, tensors, inputs, count):
    network.sizes = {name: value.shape for name, value in tensors.items()}
    predicted, measured = energies(network, tensors, inputs), outputs_without_bias(network, inputs)
    assert len(predicted) == count
    for name, energy in predicted.items():
        np.testing.assert_allclose(energy, measured[name].ravel(), rtol=2e-4, err_msg=name)


@pytest.mark.usefixtures("every_position")
def test_torch_convolutions(convnet, images):
    tensors = {k: v.numpy() for k, v in convnet.state_dict().items()}
    check_energies(open_network(convnet), tensors, Inputs((images,)), count=5)


@pytest.mark.usefixtures("every_position")
def test_torch_one_dimension_and_sequences(torch):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv1d(4, 6, 5, stride=3, padding="valid"), nn.Conv1d(6, 6, 3, padding="same"), nn.Linear(4, 5)
    )
    x = np.random.default_rng(0).normal(size=(70, 4, 14)).astype(np.float32)
    tensors = {k: v.detach().numpy() for k, v in model.state_dict().items()}
    check_energies(open_network(model), tensors, Inputs((x,)), count=3)


@pytest.mark.usefixtures("every_position")
def test_keras_layers(keras, images):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation=None),
            layers.Conv2D(12, 3, padding="same", dilation_rate=2, groups=2),
            layers.Conv2D(16, 1),
            layers.Reshape((4, 64)),
            layers.Conv1D(6, 3, padding="causal"),
            layers.EinsumDense("abc,cde->abde", (None, 2, 5)),
            layers.EinsumDense("abde,dec->abc", (None, 7), bias_axes="c"),
            layers.Dense(10),
        ]
    )
    tensors = {t.name: t.value for t in find_frontend(model).tensors(model)}
    x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    check_energies(open_network(model), tensors, Inputs((x,)), count=8)


def test_keras_attention_shares_its_input(keras):
    inputs = keras.Input((6, 8))
    attention = keras.layers.MultiHeadAttention(2, 4)
    model = keras.Model(inputs, attention(inputs, inputs))
    x = np.random.default_rng(0).normal(size=(64, 6, 8)).astype(np.float32)
    moments = measure(open_network(model), Inputs((x,)))
    by_end = {name.split("/")[-2]: m.inputs(centred=False) for name, m in moments.items()}
    assert set(by_end) == {"query", "key", "value", "attention_output"}
    assert np.array_equal(by_end["query"], by_end["key"])
    assert np.array_equal(by_end["query"], by_end["value"])
    np.testing.assert_allclose(by_end["query"][0], np.einsum("abi,abj->ij", x, x) / (64 * 6), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_keras_recurrent_kernels(keras, kind):
    model = keras.Sequential([keras.Input((5, 4)), getattr(keras.layers, kind)(3)])
    x = np.random.default_rng(0).normal(size=(64, 5, 4)).astype(np.float32)
    ((name, moments),) = measure(open_network(model), Inputs((x,))).items()
    assert name.endswith("_cell/kernel")
    np.testing.assert_allclose(
        moments.inputs(centred=False)[0], np.einsum("abi,abj->ij", x, x) / 320, rtol=1e-5, atol=1e-6
    )


def test_a_mean_error_is_taken_up_by_the_next_norm(convnet, images):
    traced = trace(open_network(convnet), Inputs((images,)))
    assert traced.absorbed == {"0", "1", "3", "5", "7", "10"}  # "0" has no bias, but the norm behind it


def test_positions_are_the_same_ones_each_time():
    assert Positions(3)(64).tolist() == list(range(64))
    chosen = Positions(3)(1024)
    assert len(set(chosen)) == 64
    assert np.array_equal(chosen, Positions(3)(1024))
    assert not np.array_equal(chosen, Positions(4)(1024))


def test_non_finite_activations_name_the_tensor(convnet, images):
    convnet[1].running_var[2] = np.nan
    with pytest.raises(NonFiniteError, match="calibration gives NaN") as caught:
        measure(open_network(convnet), Inputs((images,)))
    assert caught.value.tensor == "3.weight"


def test_inputs_of_another_shape(convnet, keras):
    with pytest.raises(OptionError, match=r"does not take calibration inputs of \(64, 5, 8, 8\)"):
        measure(open_network(convnet), Inputs((np.zeros((64, 5, 8, 8), np.float32),)))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(OptionError, match=r"does not take calibration inputs of \(64, 5\)"):
        measure(open_network(model), Inputs((np.zeros((64, 5), np.float32),)))


def test_weights_alone_cannot_be_run():
    with pytest.raises(UnsupportedTypeError, match="cannot be run"):
        open_network({"a": np.zeros(3)})


def test_the_model_is_as_it_was_after_an_error(convnet, keras):
    convnet.train()
    with pytest.raises(OptionError):
        measure(open_network(convnet), Inputs((np.zeros((64, 5, 8, 8), np.float32),)))
    assert all(m.training and "forward" not in m.__dict__ for m in convnet.modules())
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(OptionError):
        measure(open_network(model), Inputs((np.zeros((64, 5), np.float32),)))
    assert "call" not in model.layers[0].__dict__
